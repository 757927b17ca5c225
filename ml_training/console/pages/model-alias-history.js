// Where the aliases of a model's name have pointed to, and who moved them.
import { html, useState } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Loaded } from "../parts/basics.js";
import { PAGE_ROWS, Table } from "../parts/table.js";
import { modelTitle } from "./model-facts.js";

export function AliasHistory({ model }) {
  const [open, setOpen] = useState(false);
  const resource = useResource(open ? `/models/${model.id}/alias-history` : null, { kinds: ["model"] });
  return html`<details onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>${t("history.title")}</summary>
    ${open && html`<${Loaded} resource=${resource}>${({ items }) => items.length
      ? html`<${Table} label=${t("history.title")} columns=${columns(model)} rows=${items.slice(0, PAGE_ROWS)} keyOf=${(_, index) => index} file=${`${model.name}-aliases`} />`
      : html`<p class="quiet">${t("history.none", { name: model.name })}</p>`}<//>`}</details>`;
}

const columns = (model) => [
  { title: t("models.alias"), cell: (move) => move.alias },
  { title: t("history.to"), cell: (move) => pointsTo(model, move), text: (move) => move.model_id ?? "" },
  { title: t("history.since"), cell: (move) => format.time(move.moved_at), text: (move) => move.moved_at },
  { title: t("history.by"), cell: (move) => move.moved_by ?? "–", text: (move) => move.moved_by ?? "" },
];

const pointsTo = (model, move) => move.model_id === null
  ? html`<span class="quiet">${t("history.nothing")}</span>`
  : html`<${Link} to=${`/models/${move.model_id}`}>${modelTitle({ name: model.name, version: move.version })}<//>`;
