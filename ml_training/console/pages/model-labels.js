// What users say about a model: its aliases, tags and description.
import { html, useState } from "../core/html.js";
import { get, send, withQuery } from "../core/api.js";
import { t } from "../core/text.js";
import { Action } from "../parts/basics.js";
import { Field, TextField } from "../parts/fields.js";
import { AliasHistory } from "./model-alias-history.js";
import { modelTitle } from "./model-facts.js";

const LONGEST_DESCRIPTION = 2000;

export function Labels({ model, reload }) {
  const change = (changes) => send("PATCH", `/models/${model.id}`, changes).then(reload);
  const setAlias = async (alias) => {
    const { items } = await get(withQuery("/models", { name: model.name, alias, limit: 1 }));
    const holder = items.find((other) => other.id !== model.id);
    if (holder && !window.confirm(t("labels.move", { alias, holder: modelTitle(holder), model: modelTitle(model) }))) return false;
    await change({ aliases: [...model.aliases, alias] });
    return true;
  };
  const addTag = (tag) => change({ tags: [...model.tags, tag] }).then(() => true);
  return html`<details class="card" open=${model.aliases.length + model.tags.length > 0 || Boolean(model.description)}><summary>${t("labels.title")}</summary><div class="cards">
    <${LabelList} title=${t("labels.aliases")} hint=${t("labels.alias_hint", { name: model.name })} sign="★" values=${model.aliases} onAdd=${setAlias} addLabel=${t("labels.set_alias")} placeholder="champion" onRemove=${(alias) => change({ aliases: model.aliases.filter((one) => one !== alias) })} />
    <${LabelList} title=${t("models.tags")} hint=${t("labels.tag_hint")} values=${model.tags} onAdd=${addTag} addLabel=${t("labels.add_tag")} placeholder="2026-q4" onRemove=${(tag) => change({ tags: model.tags.filter((one) => one !== tag) })} />
    <${Description} key=${model.description} text=${model.description} onSave=${(description) => change({ description })} /></div>
    <${AliasHistory} model=${model} /></details>`;
}

function LabelList({ title, hint, sign = "", values, onAdd, onRemove, addLabel, placeholder }) {
  const [text, setText] = useState("");
  const add = async () => {
    if (await onAdd(text.trim())) setText("");
  };
  return html`<div><h2>${title}</h2><ul class="labels">${values.map((value) => html`<li key=${value} class="tag">${sign} ${value} <${Action} kind="small quiet" onClick=${() => onRemove(value)}><span aria-hidden="true">×</span><span class="unseen">${t("labels.remove", { value })}</span><//></li>`)}${values.length === 0 && html`<li class="quiet">${t("none")}</li>`}</ul>
    <div class="filters"><${TextField} label=${addLabel} hint=${hint} value=${text} onChange=${setText} placeholder=${placeholder} /><${Action} disabled=${!text.trim() || values.includes(text.trim())} onClick=${add}>${t("labels.add")}<//></div></div>`;
}

function Description({ text, onSave }) {
  const [value, setValue] = useState(text);
  return html`<div><${Field} label=${t("labels.description")}>${(ids) => html`<textarea rows="4" maxlength=${LONGEST_DESCRIPTION} value=${value} onInput=${(event) => setValue(event.target.value)} ...${ids}></textarea>`}<//>
    <${Action} disabled=${value === text} onClick=${() => onSave(value)}>${t("save")}<//></div>`;
}
