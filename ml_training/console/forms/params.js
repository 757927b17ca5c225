// The parameters of a model type, made from the JSON Schema that the service gives for it.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { NumberAt, Place, SelectAt, problemAt } from "./bound.js";
import { SelectField, TextField } from "../parts/fields.js";

const variantsOf = (schema) => schema.anyOf ?? [schema];

/** [[name, schema], ...]: an older name of a parameter is shown only where a spec uses it. */
export function parametersOf(modelType, given = {}) {
  const all = Object.entries(modelType?.parameters.properties ?? {});
  const olderTitles = all.filter(([name, schema]) => schema.deprecated && name in given).map(([, schema]) => schema.title);
  return all.filter(([name, schema]) => (schema.deprecated ? name in given : !olderTitles.includes(schema.title)));
}

export function Parameters({ form }) {
  const modelType = form.modelTypes.find((one) => one.model_type === form.read("/model_type"));
  return parametersOf(modelType, form.read("/params")).map(([name, schema]) => html`<${Parameter} key=${`${modelType.model_type}-${name}`} form=${form} name=${name} schema=${schema} />`);
}

function Parameter({ form, name, schema }) {
  const at = `/params/${name}`;
  const variants = variantsOf(schema).filter((one) => one.type !== "null");
  const standard = schema.default === null ? t("form.none") : String(schema.default);
  const common = { form, at, label: name, hint: schema.description };
  if (variants.length === 1 && variants[0].enum) return html`<${SelectAt} ...${common} options=${[["", standard], ...variants[0].enum.filter((one) => one !== schema.default).map((one) => [one, one])]} />`;
  if (variants.length === 1 && variants[0].type === "boolean") return html`<${Flag} ...${{ form, at, name, schema, standard }} />`;
  if (variants.length === 1 && ["integer", "number"].includes(variants[0].type)) return html`<${NumberAt} ...${common} schema=${{ ...variants[0], default: schema.default }} />`;
  return html`<${Mixed} ...${{ form, at, name, schema, standard }} />`;
}

function Flag({ form, at, name, schema, standard }) {
  const value = form.read(at);
  const others = [true, false].filter((one) => one !== schema.default);
  return html`<${Place} ...${{ form, at }}><${SelectField} label=${name} problem=${problemAt(form, at)} value=${value === undefined || value === null ? "" : String(value)} onChange=${(text) => form.set(at, text === "" ? undefined : text === "true")}
    options=${[["", standard], ...others.map((one) => [String(one), String(one)])]} /><//>`;
}

/** A word or a number, such as max_features: "sqrt", 0.5 or null. */
function Mixed({ form, at, name, schema, standard }) {
  const words = variantsOf(schema).flatMap((one) => one.enum ?? (one.type === "null" ? ["null"] : [one.type === "string" ? "" : t("form.a_number")])).filter(Boolean);
  const value = form.read(at);
  const read = (text) => (text === "" ? undefined : text === "null" ? null : text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text);
  return html`<${Place} ...${{ form, at }}><${TextField} label=${name} hint=${words.join(", ")} placeholder=${standard} problem=${problemAt(form, at)} value=${value === null ? "null" : value} onChange=${() => {}} onBlur=${(event) => form.set(at, read(event.target.value))} /><//>`;
}
