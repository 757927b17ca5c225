// Which rows of a data set a job takes: its phases, and a window in time.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { CheckField, TextField } from "../parts/fields.js";
import { More, Place, TimeAt, problemAt } from "./bound.js";

const MOST_BOXES = 20;

/** start, end: the names that this type of job has for the window. */
export function Rows({ form, start, end }) {
  const profile = form.dataset?.profile;
  const range = profile?.time_range;
  return html`<${More} form=${form} title=${t("form.rows")} places=${["/phases", start, end]}>
    ${profile && !profile.rows_per_phase && !range && !form.read("/phases") && !form.read(start) && !form.read(end) && html`<p class="quiet full">${t("form.no_roles")}</p>`}
    ${(profile?.rows_per_phase || form.read("/phases")) && html`<${Phases} form=${form} phases=${profile?.rows_per_phase ?? []} />`}
    ${(range || form.read(start) || form.read(end)) && html`<${TimeAt} form=${form} at=${start} label=${t("form.start")} /><${TimeAt} form=${form} at=${end} label=${t("form.end")} />
      ${range && html`<p class="quiet full">${t("form.time_range", { start: format.utc(range.start), end: format.utc(range.end) })}</p>`}`}<//>`;
}

function Phases({ form, phases }) {
  const chosen = form.read("/phases") ?? [];
  const set = (values) => form.set("/phases", values.length ? values : undefined);
  const toggle = (phase) => (checked) => set(checked ? [...chosen, phase] : chosen.filter((one) => one !== phase));
  if (phases.length === 0 || phases.length > MOST_BOXES) {
    const isNumber = phases.some((one) => typeof one.phase === "number") || chosen.some((one) => typeof one === "number");
    const read = (text) => set(text.split(",").map((one) => one.trim()).filter(Boolean).map((one) => (isNumber && !Number.isNaN(Number(one)) ? Number(one) : one)));
    return html`<${Place} form=${form} at="/phases"><${TextField} label=${t("field.phases")} hint=${t("hint.phases_text")} problem=${problemAt(form, "/phases")} value=${chosen.join(", ")} onChange=${() => {}} onBlur=${(event) => read(event.target.value)} /><//>`;
  }
  return html`<${Place} form=${form} at="/phases"><fieldset class="boxes"><legend>${t("field.phases")}</legend><small>${t("hint.phases")}</small>
    ${phases.map((one) => html`<${CheckField} key=${one.phase} label=${`${one.phase} (${format.number(one.rows)})`} value=${chosen.includes(one.phase)} onChange=${toggle(one.phase)} />`)}
    ${problemAt(form, "/phases") && html`<small class="wrong" role="alert">${problemAt(form, "/phases")}</small>`}</fieldset><//>`;
}
