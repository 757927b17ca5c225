// Fields of forms: a label, a hint and the problem that the API names for this field stand with it.
import { html, useRef } from "../core/html.js";
import { t } from "../core/text.js";

let count = 0;

export function Field({ label, hint, problem, children }) {
  const id = useRef(null);
  if (id.current === null) id.current = `field-${(count += 1)}`;
  const described = [hint && `${id.current}-hint`, problem && `${id.current}-problem`].filter(Boolean).join(" ") || undefined;
  return html`<div class=${problem ? "field wrong" : "field"}>
    <label for=${id.current}>${label}</label>
    ${children({ id: id.current, "aria-describedby": described, "aria-invalid": problem ? "true" : undefined })}
    ${hint && html`<small id=${`${id.current}-hint`}>${hint}</small>`}
    ${problem && html`<small class="wrong" id=${`${id.current}-problem`} role="alert">${problem}</small>`}
  </div>`;
}

export const TextField = ({ label, hint, problem, value, onChange, ...rest }) =>
  html`<${Field} ...${{ label, hint, problem }}>${(ids) => html`<input type="text" value=${value ?? ""} onInput=${(event) => onChange(event.target.value)} ...${ids} ...${rest} />`}<//>`;

/** A number, or null while the field is empty: then the service's default holds. */
export function NumberField({ label, hint, problem, value, onChange, ...rest }) {
  const typed = useRef(""); // "0.0" is on its way to 0.05: what was typed stays as long as it means the value
  const shown = typed.current !== "" && Number(typed.current) === value ? typed.current : value ?? "";
  const change = (event) => {
    typed.current = event.target.value;
    onChange(typed.current === "" ? null : Number(typed.current));
  };
  return html`<${Field} ...${{ label, hint, problem }}>${(ids) => html`<input type="number" step="any" value=${shown} onInput=${change} ...${ids} ...${rest} />`}<//>`;
}

/** options: [[value, label], ...] */
export const SelectField = ({ label, hint, problem, value, onChange, options, ...rest }) =>
  html`<${Field} ...${{ label, hint, problem }}>${(ids) =>
    html`<select value=${value ?? ""} onChange=${(event) => onChange(event.target.value)} ...${ids} ...${rest}>${options.map(
      ([one, text]) => html`<option key=${one} value=${one} selected=${String(one) === String(value ?? "")}>${text}</option>`,
    )}</select>`}<//>`;

export const CheckField = ({ label, value, onChange }) =>
  html`<label class="check"><input type="checkbox" checked=${value} onChange=${(event) => onChange(event.target.checked)} /> ${label}</label>`;

/** The selects and texts above a list; each change is a new address. */
export const Filters = ({ children }) => html`<div class="filters" role="search" aria-label=${t("filter")}>${children}</div>`;
