// The versions of a name, and what is different from the one before.
import { html } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Card, Loaded } from "../parts/basics.js";
import { PAGE_ROWS, Table } from "../parts/table.js";
import { columns } from "./datasets.js";

export function Versions({ dataset }) {
  const resource = useResource(withQuery("/datasets", { name: dataset.name, limit: PAGE_ROWS }), { kinds: ["dataset"] });
  return html`<${Loaded} resource=${resource}>${(page) => {
    const before = page.items.filter((one) => one.status === "READY" && one.version < dataset.version).sort((one, other) => other.version - one.version)[0];
    return html`<${Card} title=${before ? t("dataset.difference", { version: before.version }) : t("dataset.first_version")}>${before && html`<${Difference} dataset=${dataset} beforeId=${before.id} />`}<//>
      <${Table} label=${t("dataset.versions")} columns=${columns()} rows=${page.items} file=${`${dataset.name}-versions`} />`;
  }}<//>`;
}

function Difference({ dataset, beforeId }) {
  const resource = useResource(`/datasets/${beforeId}`);
  return html`<${Loaded} resource=${resource}>${(before) => {
    const found = differences(before.profile, dataset.profile);
    return found.length ? html`<ul>${found.slice(0, PAGE_ROWS).map((one) => html`<li key=${one}>${one}</li>`)}</ul>${found.length > PAGE_ROWS && html`<p class="quiet">${t("form.and_more", { count: found.length - PAGE_ROWS })}</p>`}` : html`<p>${t(before.sha256 === dataset.sha256 ? "dataset.same_bytes" : "dataset.same_columns")}</p>`;
  }}<//>`;
}

function differences(before, now) {
  const old = new Map(before.columns.map((one) => [one.name, one]));
  const current = new Set(now.columns.map((one) => one.name));
  const rows = now.rows - before.rows;
  return [
    ...(rows ? [t(rows > 0 ? "dataset.more_rows" : "dataset.fewer_rows", { count: format.number(Math.abs(rows)), now: format.number(now.rows) })] : []),
    ...now.columns.filter((one) => !old.has(one.name)).map((one) => t("dataset.column_added", { name: one.name, kind: t(`kind.${one.kind}`) })),
    ...before.columns.filter((one) => !current.has(one.name)).map((one) => t("dataset.column_gone", { name: one.name })),
    ...now.columns.filter((one) => old.has(one.name) && old.get(one.name).kind !== one.kind).map((one) => t("dataset.kind_changed", { name: one.name, before: t(`kind.${old.get(one.name).kind}`), now: t(`kind.${one.kind}`) })),
  ];
}
