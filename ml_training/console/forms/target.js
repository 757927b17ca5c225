// What a model learns to predict: a column as it is, a rule about it, or how it moves within a time.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { SelectField } from "../parts/fields.js";
import { NumberAt, Place, SelectAt, TextAt, problemAt } from "./bound.js";
import { PickColumn } from "./pick.js";

const NUMERIC = ["integer", "number"];
const OPERATORS = [">", "<", ">=", "<=", "="];
const START = {
  column: {},
  rule: { operator: "=", value: "" },
  horizon: { horizon: "1d", min_percent_change: 1, direction: "up" },
};

export const targetKind = (target) => (target && "horizon" in target ? "horizon" : target && "operator" in target ? "rule" : "column");

/** The columns that can be a target. */
export const targetColumns = (dataset) => (dataset?.profile?.columns ?? []).filter((one) => one.kind !== "time" && one.name !== dataset.group_column);

export function Target({ form }) {
  const target = form.read("/target") ?? {};
  return html`<${Place} form=${form} at="/target"><${PickColumn} label=${t("field.target")} hint=${t("hint.target")} problem=${problemAt(form, "/target/column") ?? (target.column ? undefined : problemAt(form, "/target"))} value=${target.column}
    columns=${targetColumns(form.dataset)} onChange=${(column) => form.set("/target", column || targetKind(target) !== "column" ? { ...target, column } : undefined)} /><//>`;
}

/** For targets that are not the column as it is, and for tasks that the service would guess otherwise. */
export function TargetKind({ form }) {
  const target = form.read("/target") ?? {};
  const kind = targetKind(target);
  const kinds = ["column", "rule", ...(form.dataset?.time_column || kind === "horizon" ? ["horizon"] : [])];
  const column = form.dataset?.profile?.columns.find((one) => one.name === target.column);
  return html`<${SelectField} label=${t("form.target_kind")} value=${kind} options=${kinds.map((one) => [one, t(`target.${one}`)])} onChange=${(chosen) => form.set("/target", { column: target.column, ...START[chosen] })} />
    ${kind === "column" && html`<${SelectAt} form=${form} at="/task" options=${[["", t("form.task_auto")], ["classification", t("task.classification")], ["regression", t("task.regression")]]} />`}
    ${kind === "rule" && html`<${SelectAt} form=${form} at="/target/operator" options=${OPERATORS.map((one) => [one, one])} /><${RuleValue} form=${form} column=${column} />`}
    ${kind === "horizon" && html`<${TextAt} form=${form} at="/target/horizon" placeholder="1d" /><${NumberAt} form=${form} at="/target/min_percent_change" />
      <${SelectAt} form=${form} at="/target/direction" options=${[["up", t("direction.up")], ["down", t("direction.down")]]} />`}`;
}

function RuleValue({ form, column }) {
  if (NUMERIC.includes(column?.kind)) return html`<${NumberAt} form=${form} at="/target/value" />`;
  if (column?.kind === "boolean")
    return html`<${SelectField} label=${t("field.value")} value=${String(form.read("/target/value"))} options=${["true", "false"].map((one) => [one, one])} onChange=${(value) => form.set("/target/value", value === "true")} />`;
  return html`<${TextAt} form=${form} at="/target/value" keepEmpty />`;
}
