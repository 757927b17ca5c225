// The saved filters of a list, as links, and a form that saves the one that is shown.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { LONGEST_SAVED_NAME, useSaved } from "../core/saved.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import { TextField } from "./fields.js";

export function SavedFilters({ address, query }) {
  const [saved, save, remove] = useSaved(address);
  const { cursor, ...filter } = query;
  const here = withQuery(address, filter);
  const isNew = here !== address && !saved.some((one) => withQuery(address, one.query) === here);
  if (!saved.length && !isNew) return null;
  return html`<div class="saved" role="group" aria-label=${t("saved.title")}>
    ${saved.length > 0 && html`<span class="quiet">${t("saved.title")}</span><ul class="chips">${saved.map((one) => {
      const to = withQuery(address, one.query);
      return html`<li key=${one.name} class="tag"><${Link} to=${to} aria-current=${to === here ? "true" : undefined}>${one.name}<//> <button type="button" class="small quiet" aria-label=${t("saved.remove", { name: one.name })} onClick=${() => remove(one.name)}>×</button></li>`;
    })}</ul>`}
    ${isNew && html`<${NewSaved} onSave=${(name) => save(name, filter)} />`}</div>`;
}

function NewSaved({ onSave }) {
  const [name, setName] = useState(null);
  const form = useRef(null);
  const isOpen = name !== null;
  useEffect(() => form.current?.querySelector("input").focus(), [isOpen]);
  if (!isOpen) return html`<button type="button" class="small quiet" onClick=${() => setName("")}>${t("saved.do")}</button>`;
  const send = (event) => {
    event.preventDefault();
    if (name.trim()) onSave(name.trim());
  };
  const leave = (event) => event.key === "Escape" && setName(null);
  return html`<form class="filters" ref=${form} onSubmit=${send} onKeyDown=${leave}><${TextField} label=${t("saved.name")} value=${name} onChange=${setName} maxlength=${LONGEST_SAVED_NAME} />
    <button disabled=${!name.trim()}>${t("save")}</button><button type="button" class="quiet" onClick=${() => setName(null)}>${t("saved.leave")}</button></form>`;
}
