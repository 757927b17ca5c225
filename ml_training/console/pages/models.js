// The list of models: filtered, a page at a time; 2 to 20 of them can be compared.
import { html, useState } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Head } from "../parts/basics.js";
import { Filters, SelectField, TextField } from "../parts/fields.js";
import { SearchField, SortField, useFilters } from "../parts/filters.js";
import { SavedFilters } from "../parts/saved-filters.js";
import { List } from "../parts/table.js";
import { fittingMetric, heldOut, modelTitle, scoreName } from "./model-facts.js";

export const MOST_COMPARED = 20;
const TOGETHER = [["q", "model_type"], ["name", "alias", "model_type", "sort"], ["dataset_id", "model_type", "sort"], ["tag", "sort"]];

export function ModelsPage({ query }) {
  const [selected, setSelected] = useState([]);
  const types = useResource("/model-types");
  const set = useFilters("/models", query, TOGETHER);
  const typeNames = types.data?.items.map((one) => one.model_type) ?? [];
  const isComparable = selected.length >= 2 && selected.length <= MOST_COMPARED;
  return html`<${Head} title=${t("nav.models")}>
      <${Link} class="button" to="/tests">${t("nav.tests")}<//><${Link} class="button" to="/comparisons">${t("nav.comparisons")}<//><${Link} class="button" to="/explanations">${t("nav.explanations")}<//><${Link} class="button" to="/drift">${t("nav.drift")}<//>
      <${Link} class="button primary" to="/jobs/new">${t("models.train")}<//><//>
    <${Filters}>
      <${SearchField} label=${t("models.name")} value=${query.q ?? query.name} onChange=${set("q")} />
      <${TextField} label=${t("models.alias")} value=${query.alias} onChange=${set("alias")} placeholder="champion" />
      <${SelectField} label=${t("models.type")} value=${query.model_type} onChange=${set("model_type")} options=${[["", t("all")], ...typeNames.map((one) => [one, one])]} />
      <${TextField} label=${t("models.tag")} value=${query.tag} onChange=${set("tag")} />
      <${SortField} query=${query} onChange=${set("sort")} />
    <//>
    <div class="selected" role="region" aria-label=${t("selected")}>
      <span role="status">${selected.length ? t("selected_count", { count: selected.length }) : t("models.select_hint")}</span>
      ${selected.length > 0 && html`<button class="primary" disabled=${!isComparable} onClick=${() => go(`/compare?ids=${selected.join(",")}`)}>${t("compare.do")}</button><button class="quiet" onClick=${() => setSelected([])}>${t("compare.none")}</button>`}
      ${selected.length > MOST_COMPARED && html`<span class="quiet">${t("compare.most", { count: MOST_COMPARED })}</span>`}</div>
    <${SavedFilters} address="/models" query=${query} />
    <${List} path="/models" address="/models" query=${query} kinds=${["model"]} label=${t("nav.models")} file="models" columns=${columns()} selectable selected=${selected} onSelect=${setSelected}
      empty=${html`<p>${t("models.none")}</p><${Link} to="/jobs/new" class="button primary">${t("models.train")}<//>`} />`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (model) => html`<${Link} to=${`/models/${model.id}`}>${model.id}<//>`, text: (model) => model.id },
    { title: t("models.name"), cell: nameCell, text: modelTitle },
    { title: t("models.type"), cell: (model) => model.model_type, text: (model) => model.model_type },
    { title: t("models.task"), cell: (model) => t(`task.${model.task}`), text: (model) => model.task },
    { title: t("models.score"), numeric: true, cell: scoreCell, text: heldOut },
    { title: t("models.tags"), cell: (model) => model.tags.map((tag) => html`<${Link} key=${tag} class="tag" to=${withQuery("/models", { tag })}>${tag}<//> `), text: (model) => model.tags.join(" ") },
    { title: t("models.created"), cell: (model) => format.time(model.created_at), text: (model) => model.created_at },
  ];
}

const nameCell = (model) => html`<${Link} to=${`/models/${model.id}`}>${modelTitle(model)}<//>${model.aliases.map((alias) => html` <span class="alias" key=${alias}>★ ${alias}</span>`)}`;

const scoreCell = (model) => html`<span class="quiet">${scoreName(fittingMetric(model.task))}</span> ${format.score(heldOut(model))}`;
