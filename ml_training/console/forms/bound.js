// Fields that are bound to a place in a spec: range and default from the service, and what it says about the place.
import { html, useEffect, useState } from "../core/html.js";
import { t, words } from "../core/text.js";
import * as format from "../core/format.js";
import { CheckField, Field, NumberField, SelectField, TextField } from "../parts/fields.js";
import { isWithin } from "./spec.js";

export const problemAt = (form, at) => form.errors.filter((one) => isWithin(one.pointer, form.prefix + at)).map((one) => one.detail).join("; ") || undefined;

/** A field with what the service warns of at its place below it. */
export const Place = ({ form, at, children }) => html`<div class="place">${children}${form.warnings
  .filter((one) => isWithin(one.pointer, form.prefix + at))
  .map((one) => html`<small class="warned" key=${one.pointer + one.code}>⚠ ${one.detail}</small>`)}</div>`;

const labelOf = (at) => words(`field.${at.split("/").at(-1)}`, at.split("/").at(-1));
const hintOf = (at) => words(`hint.${at.split("/").at(-1)}`, "") || undefined;

function rangeOf(schema) {
  const low = schema.minimum ?? schema.exclusiveMinimum;
  const high = schema.maximum ?? schema.exclusiveMaximum;
  if (low === undefined || high === undefined || high > 1e9) return undefined;
  const sign = (isOpen) => (isOpen ? "<" : "≤");
  return `${format.number(low, 6)} ${sign("exclusiveMinimum" in schema && !("minimum" in schema))} x ${sign("exclusiveMaximum" in schema && !("maximum" in schema))} ${format.number(high, 6)}`;
}

export function NumberAt({ form, at, label = labelOf(at), hint = hintOf(at), schema = form.schema(at) }) {
  const placeholder = schema.default === undefined || schema.default === null ? undefined : String(schema.default);
  return html`<${Place} ...${{ form, at }}><${NumberField} label=${label} hint=${[hint, rangeOf(schema)].filter(Boolean).join(" · ") || undefined} problem=${problemAt(form, at)} value=${form.read(at)}
    placeholder=${placeholder} onChange=${(value) => form.set(at, value ?? undefined)} /><//>`;
}

export const TextAt = ({ form, at, label = labelOf(at), hint = hintOf(at), ...rest }) =>
  html`<${Place} ...${{ form, at }}><${TextField} label=${label} hint=${hint} problem=${problemAt(form, at)} value=${form.read(at)} onChange=${(value) => form.set(at, value === "" && !rest.keepEmpty ? undefined : value)} ...${rest} /><//>`;

/** options: [[value, label], ...]; the value "" stands for the service's default. */
export const SelectAt = ({ form, at, label = labelOf(at), hint = hintOf(at), options }) =>
  html`<${Place} ...${{ form, at }}><${SelectField} label=${label} hint=${hint} problem=${problemAt(form, at)} value=${form.read(at) ?? ""} onChange=${(value) => form.set(at, value === "" ? undefined : value)} options=${options} /><//>`;

export const CheckAt = ({ form, at, label = labelOf(at), on = true, hint = hintOf(at) }) =>
  html`<${Place} ...${{ form, at }}><${CheckField} label=${label} value=${form.read(at) === on} onChange=${(checked) => form.set(at, checked ? on : undefined)} />${hint && html`<small>${hint}</small>`}
    ${problemAt(form, at) && html`<small class="wrong" role="alert">${problemAt(form, at)}</small>`}<//>`;

/** A moment in UTC. The browser's own field has no zone, so the label says which one is meant. */
export function TimeAt({ form, at, label = labelOf(at) }) {
  const value = form.read(at);
  const change = (text) => form.set(at, text ? `${text.length === 16 ? `${text}:00` : text}Z` : undefined);
  return html`<${Place} ...${{ form, at }}><${TextField} type="datetime-local" step="1" label=${`${label} (UTC)`} hint=${hintOf(at)} problem=${problemAt(form, at)} value=${value ? value.slice(0, 19) : ""} onChange=${change} /><//>`;
}

/** Whole numbers with commas between them. */
export const NumbersAt = ({ form, at, label = labelOf(at), hint = hintOf(at), onChange }) =>
  html`<${Place} ...${{ form, at }}><${Field} label=${label} hint=${hint} problem=${problemAt(form, at)}>${(ids) =>
    html`<input type="text" inputmode="numeric" placeholder="5, 10, 20" value=${(form.read(at) ?? []).join(", ")} onChange=${(event) => onChange(numbersOf(event.target.value))} ...${ids} />`}<//><//>`;

function numbersOf(text) {
  const found = text.split(/[\s,;]+/).filter(Boolean);
  return found.length ? found.map((one) => (Number.isNaN(Number(one)) ? one : Number(one))) : undefined;
}

/** A part of the form that is folded away until it is wanted, or until something in it is wrong. */
export function More({ form, title, places, children, open }) {
  const within = (one) => places.some((place) => isWithin(one.pointer, form.prefix + place));
  const wrong = form.errors.filter(within).length;
  const warned = form.warnings.filter(within).length;
  const changed = places.filter((place) => form.read(place) !== undefined && form.read(place) !== null).length;
  const [isOpen, setOpen] = useState(Boolean(open));
  useEffect(() => {
    if (wrong > 0) setOpen(true); // and it stays open when that is mended: the user is at work in it
  }, [wrong > 0]);
  return html`<details class="more" open=${isOpen} onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>${title}
    ${wrong > 0 && html` <span class="mark wrong">${t("form.wrong", { count: wrong })}</span>`}${warned > 0 && html` <span class="mark warned">⚠ ${warned}</span>`}${changed > 0 && !wrong && html` <span class="mark">${t("form.set", { count: changed })}</span>`}</summary>
    <div class="grid">${children}</div></details>`;
}
