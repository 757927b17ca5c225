// How a file is read: the options of docs/files.md. What is left open is found out from all values.
import { html } from "../core/html.js";
import { t, words } from "../core/text.js";
import { SelectField, TextField } from "../parts/fields.js";
import { PickColumn } from "./pick.js";

export const ROLES = ["time_column", "phase_column", "group_column"];
export const OPTIONS = ["separator", "decimal", "thousands", "encoding", "date_format", "header_row", "missing_values", "sheet", "index_column", "duplicate_columns", "total_row"];
const SIGNS = { "\t": "tab" }; // a control character in a select would show nothing

/** The options that a reason of the service proposes, such as "say decimal=. or decimal=,": [[name, value], ...] */
export function remediesOf(detail) {
  const found = [...detail.matchAll(/\b([a-z_]+)=([^\s);:]+)/g)].map(([, name, value]) => [name, value.length > 1 ? value.replace(/[,.]$/, "") : value]);
  return found.filter(([name]) => OPTIONS.includes(name));
}

/** What is filled in, as fields of the request. */
export function optionsOf(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name, typed(name, value)]));
}

function typed(name, value) {
  if (name === "header_row") return Number(value);
  if (name === "missing_values") return Array.isArray(value) ? value : String(value).split(",").map((word) => word.trim()).filter(Boolean);
  return value;
}

/** columns: of the profile where the file was read before, else null. schema: of the upload form, from the OpenAPI document. */
export function Roles({ values, set, problemAt, columns }) {
  return ROLES.map((name) => {
    const common = { label: t(`role.${name}`), hint: t(`role_hint.${name}`), problem: problemAt(name) };
    if (columns) return html`<${PickColumn} key=${name} ...${common} value=${values[name]} columns=${columns} empty=${t("dataset.no_role")} onChange=${set(name)} />`;
    return html`<${TextField} key=${name} ...${common} value=${values[name]} onChange=${set(name)} />`;
  });
}

export function ReadingOptions({ values, set, problemAt, schema }) {
  return html`<div class="grid">${OPTIONS.map((name) => {
    const choices = (schema?.properties[name]?.anyOf ?? []).find((one) => one.enum)?.enum;
    const common = { key: name, label: words(`option.${name}`, name), hint: words(`option_hint.${name}`, "") || undefined, problem: problemAt(name), value: values[name], onChange: set(name) };
    if (!choices) return html`<${TextField} ...${common} />`;
    return html`<${SelectField} ...${common} options=${[["", t("dataset.found_out")], ...choices.map((one) => [SIGNS[one] ?? one, words(`option.${name}.${SIGNS[one] ?? one}`, SIGNS[one] ?? one)])]} />`;
  })}</div>`;
}
