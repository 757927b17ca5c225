// Where a model comes from and what was made of it, as a small graph whose nodes are links.
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import { Copyable, Facts } from "../parts/basics.js";
import { Picture, SvgText } from "../parts/picture.js";
import { modelTitle } from "./model-facts.js";

const LOOKED_AT = 200; // of each kind: the newest
const MOST_NODES = 8; // of each kind in the drawing
const ROW = 44;
const BOX = 32;
const NARROW = 640;

/** What was made of models, by the field of its lists: [path of the API, page, kind of change, whether it is of the model]. */
const MADE = [
  ["test_result", "/test-results", "/tests", (one, id) => one.model_id === id],
  ["comparison", "/comparisons", "/comparisons", (one, id) => one.ranking.some((row) => row.model_id === id)],
  ["prediction", "/predictions", "/predictions", (one, id) => one.model_id === id],
  ["explanation", "/explanations", "/explanations", (one, id) => one.model_id === id],
  ["drift_report", "/drift-reports", "/drift", (one, id) => one.model_id === id],
];

export function Lineage({ model }) {
  const { lineage } = model;
  const lists = MADE.map(([kind, path]) => useResource(`${path}?limit=${LOOKED_AT}`, { kinds: [kind] }));
  const made = MADE.map(([kind, , page, isOf], at) => ({ kind, page, found: (lists[at].data?.items ?? []).filter((one) => isOf(one, model.id)) }));
  const before = [
    { to: `/datasets/${model.dataset_id}`, title: t("dataset.one"), name: `${lineage.dataset_name ?? model.dataset_id} ${t("model.version", { version: lineage.dataset_version ?? "" })}` },
    lineage.study_job_id && { to: `/jobs/${lineage.study_job_id}`, title: t("study.one"), name: `${t("job.one")} ${lineage.study_job_id}` },
    lineage.reused_from && { to: `/models/${lineage.reused_from.model_id}`, title: t("job.reused_from"), name: `${t("model.one")} ${lineage.reused_from.model_id}` },
    { to: `/jobs/${model.job_id}`, title: t("job.one"), name: `${model.job_id} TRAIN` },
    { to: `/models/${model.id}`, title: t("model.one"), name: modelTitle(model), isHere: true },
  ].filter(Boolean);
  const after = made.flatMap(({ kind, page, found }) => found.slice(0, MOST_NODES).map((one) => ({ to: `${page}/${one.id}`, title: t(`made.${kind}`), name: String(one.id) })));
  const more = made.filter(({ found }) => found.length > MOST_NODES);
  const height = (width) => (width < NARROW ? (before.length + after.length) * ROW : Math.max(before.length, after.length) * ROW) + 8;
  return html`<${Picture} title=${t("model.lineage")} role="group" height=${height} draw=${(width) => html`<${Graph} before=${before} after=${after} width=${width} height=${height(width)} />`} />
    ${after.length === 0 && html`<p class="quiet">${t("lineage.nothing_made")}</p>`}
    ${more.map(({ kind, page, found }) => html`<p key=${kind} class="quiet"><${Link} to=${page}>${t("lineage.more", { kind: t(`made.${kind}`), count: found.length - MOST_NODES })}<//></p>`)}
    <p class="quiet">${t("lineage.newest", { count: LOOKED_AT })}</p>
    <${Facts} items=${[
      [t("lineage.revision"), lineage.code_revision],
      [t("lineage.dataset_sha"), lineage.dataset_sha256],
      [t("lineage.model_sha"), model.artifact_sha256],
      ...Object.entries(lineage.versions ?? {}).map(([name, version]) => [name, version]),
    ]} />
    <details><summary>${t("lineage.again")}</summary><${Copyable} label=${t("lineage.again")} text=${`curl -s ${location.origin}/api/v1/models/${model.id}/spec | curl -s -H "Content-Type: application/json" -d @- ${location.origin}/api/v1/jobs`} /></details>`;
}

// Wide: one column from the data to the model, and beside it what was made. Narrow: all below one another.
function Graph({ before, after, width, height }) {
  const isNarrow = width < NARROW;
  const column = isNarrow ? width - 24 : Math.min(320, (width - 90) / 2);
  const place = (row, isAfter) => ({ x: isAfter ? (isNarrow ? 20 : width - column - 2) : 2, y: (isNarrow && isAfter ? before.length + row : row) * ROW + 4 });
  const here = place(before.length - 1, false);
  const path = (to) => (isNarrow ? `M${here.x + 9} ${here.y + BOX}V${to.y + BOX / 2}H${to.x}` : `M${here.x + column} ${here.y + BOX / 2}C${here.x + column + 50} ${here.y + BOX / 2} ${to.x - 50} ${to.y + BOX / 2} ${to.x} ${to.y + BOX / 2}`);
  return html`${before.slice(1).map((_, row) => html`<path key=${`d${row}`} d=${`M${2 + column / 2} ${row * ROW + 4 + BOX}v${ROW - BOX}`} stroke="var(--ink-2)" fill="none" />`)}
    ${after.map((node, row) => html`<path key=${`p${node.to}`} d=${path(place(row, true))} stroke="var(--ink-2)" fill="none" opacity="0.6" />`)}
    ${before.map((node, row) => html`<${Node} key=${node.to} node=${node} ...${place(row, false)} width=${column} />`)}
    ${after.map((node, row) => html`<${Node} key=${node.to} node=${node} ...${place(row, true)} width=${column} />`)}`;
}

function Node({ node, x, y, width }) {
  return html`<${Link} to=${node.to} aria-label=${`${node.title} ${node.name}`}><rect x=${x} y=${y} width=${width} height=${BOX} rx="6" fill=${node.isHere ? "var(--soft)" : "var(--paper)"} stroke=${node.isHere ? "var(--accent)" : "var(--line)"} />
    <${SvgText} x=${x + 10} y=${y + 20} width=${100} text=${node.title} fill="var(--ink-2)" /><${SvgText} x=${x + 112} y=${y + 20} width=${width - 120} text=${node.name} fill="var(--accent)" weight="600" /><//>`;
}
