// Choosing a data set, a model or columns. A list shows at most fifty; what is further away is found by its name.
import { html, useState } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { useSettled } from "../core/settled.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Field, SelectField, TextField } from "../parts/fields.js";

const MOST = 50;

export const datasetLabel = (one) => `${one.name} v${one.version} · ${t("first.size", { rows: format.number(one.rows), columns: one.columns })} · #${one.id}`;
export const modelLabel = (one) => `${one.name} v${one.version} · ${one.model_type} · #${one.id}`;

/** path: the list of the API. current: the thing that is chosen, once it has been loaded. */
function Pick({ path, kind, label, hint, problem, value, current, onChange, labelOf, none }) {
  const [find, setFind] = useState("");
  const settled = useSettled(find.trim());
  const wanted = { limit: MOST, ...(kind === "dataset" && { status: "READY" }) };
  const first = useResource(withQuery(path, wanted), { kinds: [kind] });
  const found = useResource(settled ? withQuery(path, { ...wanted, q: settled }) : null, { kinds: [kind] });
  const items = ((settled && found.data) || first.data)?.items ?? [];
  const listed = current && !items.some((one) => one.id === current.id) ? [current, ...items] : items;
  const options = [["", items.length || first.loading ? t("form.choose") : none], ...listed.map((one) => [one.id, labelOf(one)])];
  return html`<div class="pick"><${SelectField} ...${{ label, hint, problem }} value=${value ?? ""} onChange=${(id) => onChange(id === "" ? undefined : Number(id))} options=${options} />
    ${(first.data?.next_cursor || find) && html`<${TextField} label=${t("form.find")} value=${find} onChange=${setFind} onKeyDown=${(event) => event.key === "Enter" && event.preventDefault()} maxlength="100" placeholder=${t("begins_with")} problem=${settled && found.data && !found.data.items.length ? t("form.not_found") : undefined} />`}</div>`;
}

export const PickDataset = (options) => html`<${Pick} path="/datasets" kind="dataset" labelOf=${datasetLabel} none=${t("form.no_dataset")} ...${options} />`;
export const PickModel = (options) => html`<${Pick} path="/models" kind="model" labelOf=${modelLabel} none=${t("form.no_model")} ...${options} />`;

/** "age · number, 73 values" */
export const columnLabel = (column) => [column.name, [t(`kind.${column.kind}`), column.distinct !== null && column.distinct !== undefined && t("form.values", { count: format.number(column.distinct) })].filter(Boolean).join(", ")].join(" · ");

/** One column of the profile: a select, or for many columns a text that offers those that fit. */
export function PickColumn({ label, hint, problem, value, columns, onChange, empty }) {
  if (columns.length <= MOST) {
    const known = columns.some((one) => one.name === value) || !value ? columns : [{ name: value, kind: "unknown" }, ...columns];
    return html`<${SelectField} ...${{ label, hint, problem }} value=${value ?? ""} onChange=${(name) => onChange(name || undefined)} options=${[["", empty ?? t("form.choose")], ...known.map((one) => [one.name, columnLabel(one)])]} />`;
  }
  return html`<${ColumnText} ...${{ label, hint, problem, value, columns, onChange }} />`;
}

function ColumnText({ label, hint, problem, value, columns, onChange }) {
  const wanted = (value ?? "").toLowerCase();
  const offered = columns.filter((one) => one.name.toLowerCase().includes(wanted)).slice(0, MOST);
  return html`<${Field} label=${label} hint=${[hint, t("form.type_column", { count: format.number(columns.length) })].filter(Boolean).join(" ")} problem=${problem}>${(ids) => html`
    <input type="text" list=${`${ids.id}-list`} value=${value ?? ""} onInput=${(event) => onChange(event.target.value || undefined)} ...${ids} />
    <datalist id=${`${ids.id}-list`}>${offered.map((one) => html`<option key=${one.name} value=${one.name}>${columnLabel(one)}</option>`)}</datalist>`}<//>`;
}

/** Several columns: one is chosen and added; those that were added can be taken away one by one. */
export function PickSeveral({ label, hint, problem, values, columns, onChange }) {
  const [chosen, setChosen] = useState("");
  const left = columns.filter((one) => !values.includes(one.name));
  const add = () => {
    onChange([...values, chosen]);
    setChosen("");
  };
  return html`<div class="several"><div class="with-button"><${PickColumn} label=${label} hint=${hint} problem=${problem} value=${chosen} columns=${left} onChange=${(name) => setChosen(name ?? "")} />
    <button type="button" onClick=${add} disabled=${!left.some((one) => one.name === chosen)} aria-label=${`${t("form.add")}: ${label}`}>${t("form.add")}</button></div>
    <${Chips} values=${values} onChange=${onChange} label=${label} /></div>`;
}

/** What is chosen, as buttons that take it away. */
export function Chips({ values, onChange, label, labelOf = String }) {
  if (!values.length) return null;
  return html`<ul class="chips" aria-label=${label}>${values.slice(0, MOST).map((value) => html`<li key=${value}><button type="button" class="small" aria-label=${t("form.remove", { name: labelOf(value) })} onClick=${() => onChange(values.filter((one) => one !== value))}>${labelOf(value)} ✕</button></li>`)}
    ${values.length > MOST && html`<li class="quiet">${t("form.and_more", { count: values.length - MOST })}</li>`}</ul>`;
}
