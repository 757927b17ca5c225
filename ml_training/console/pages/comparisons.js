// Comparisons: models ranked on the same rows, and whether the first is better than the second by more than chance.
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Bars } from "../parts/bars.js";
import { Card, Facts, Head, LoadedPage } from "../parts/basics.js";
import { IntervalBar } from "../parts/interval.js";
import { List, Table } from "../parts/table.js";
import { CurvesTogether, useModels } from "./curves-together.js";
import { CLASS_SCORES, QUANTITY_SCORES, intervalText, modelTitle, scoreName } from "./model-facts.js";

export function ComparisonsPage({ query }) {
  return html`<${Head} title=${t("nav.comparisons")} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`}><${Link} class="button primary" to="/models">${t("comparisons.new")}<//><//>
    <${List} path="/comparisons" address="/comparisons" query=${query} kinds=${["comparison"]} label=${t("nav.comparisons")} file="comparisons" columns=${columns()}
      empty=${html`<p>${t("comparisons.none")}</p><${Link} to="/models" class="button primary">${t("comparisons.new")}<//>`} />`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (one) => html`<${Link} to=${`/comparisons/${one.id}`}>${one.id}<//>`, text: (one) => one.id },
    { title: t("comparisons.winner"), cell: (one) => (one.winner_model_id ? html`<${Link} to=${`/models/${one.winner_model_id}`}>${t("model.one")} ${one.winner_model_id}<//>` : t("comparisons.tie")), text: (one) => one.winner_model_id },
    { title: t("nav.models"), cell: (one) => one.ranking.map((row) => row.model_id).join(", "), text: (one) => one.ranking.map((row) => row.model_id).join(" ") },
    { title: t("comparisons.by"), cell: (one) => scoreName(one.metric), text: (one) => one.metric },
    { title: t("comparisons.significant"), cell: (one) => format.any(one.significance.significant), text: (one) => one.significance.significant },
    { title: t("rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
    { title: t("dataset.one"), cell: (one) => html`<${Link} to=${`/datasets/${one.dataset_id}`}>${one.dataset_id}<//>`, text: (one) => one.dataset_id },
    { title: t("models.created"), cell: (one) => format.time(one.created_at), text: (one) => one.created_at },
  ];
}

export function ComparisonPage({ id }) {
  const resource = useResource(`/comparisons/${id}`);
  return html`<${LoadedPage} resource=${resource}>${(comparison) => html`<${ComparisonView} comparison=${comparison} />`}<//>`;
}

function ComparisonView({ comparison }) {
  const ids = comparison.ranking.map((row) => row.model_id);
  const { models } = useModels(ids);
  const name = (id) => {
    const found = models.find((one) => one.id === id);
    return found ? modelTitle(found) : `${t("model.one")} ${id}`;
  };
  const winner = comparison.winner_model_id;
  return html`<${Head} title=${t("comparisons.one", { id: comparison.id })} back=${html`<${Link} to="/comparisons">← ${t("nav.comparisons")}<//>`}>
      ${winner && html`<${Link} class="button primary" to=${`/models/${winner}`}>${t("comparisons.winner")}: ${name(winner)}<//>`}
      <${Link} class="button" to=${`/compare?ids=${ids.join(",")}`}>${t("comparisons.side_by_side")}<//>
      <${Link} class="button" to=${`/jobs/new?from=${comparison.job_id}`}>${t("job.run_changed")}<//><//>
    <p class="subtitle">${t("tests.sentence", { rows: format.number(comparison.rows) })} <${Link} to=${`/datasets/${comparison.dataset_id}`}>${t("dataset.one")} ${comparison.dataset_id}<//> · <${Link} to=${`/jobs/${comparison.job_id}`}>${t("job.one")} ${comparison.job_id}<//> · ${format.time(comparison.created_at)}</p>
    <${Verdict} comparison=${comparison} name=${name} />
    ${models.some((model) => model.dataset_id === comparison.dataset_id) && html`<ul class="warnings"><li>${t("comparisons.learned")}</li></ul>`}
    <${Card} title=${t("comparisons.ranking", { metric: scoreName(comparison.metric) })}><${Bars} title=${t("comparisons.ranking", { metric: scoreName(comparison.metric) })} nameLabel=${t("model.one")} valueLabel=${scoreName(comparison.metric)} items=${comparison.ranking.map((row) => ({ label: `${row.rank}. ${name(row.model_id)}`, value: row.value }))} /><//>
    <${Ranking} comparison=${comparison} name=${name} />
    <${Card} title=${t("compare.curves")}><p class="quiet">${t("compare.curves_hint")}</p><${CurvesTogether} models=${models} /><//>`;
}

/** The verdict in one sentence, and the difference on which it rests. */
function Verdict({ comparison, name }) {
  const { significance: found, metric, winner_model_id: winner } = comparison;
  const known = found?.interval?.every((one) => one !== null) ? found.interval : null;
  const words = { first: name(found?.first_model_id), second: name(found?.second_model_id), metric: scoreName(metric) };
  const key = !winner ? "comparisons.verdict_tie" : found?.significant ? "comparisons.verdict_better" : found?.significant === false ? "comparisons.verdict_chance" : "comparisons.verdict_unknown";
  const range = known && [Math.min(0, ...known) * 1.1, Math.max(0, ...known) * 1.1];
  return html`<div class="card"><p><strong>${t(key, words)}</strong></p>
    ${known && html`<${IntervalBar} value=${found.difference} interval=${known} base=${0} range=${range} width=${300} />
    <${Facts} items=${[[t("comparisons.difference"), format.score(found.difference)], [t("interval"), intervalText(known)], [t("comparisons.method"), t("comparisons.bootstrap", { resamples: format.number(found.resamples) })]]} />`}</div>`;
}

function Ranking({ comparison, name }) {
  const known = CLASS_SCORES.concat(QUANTITY_SCORES).filter((metric) => metric in (comparison.ranking[0]?.scores ?? {}));
  const metrics = [comparison.metric, ...known.filter((metric) => metric !== comparison.metric)];
  return html`<${Table} label=${t("model.scores")} rows=${comparison.ranking} keyOf=${(row) => row.model_id} file=${`comparison-${comparison.id}`} columns=${[
    { title: t("comparisons.rank"), numeric: true, cell: (row) => row.rank, text: (row) => row.rank },
    { title: t("model.one"), cell: (row) => html`<${Link} to=${`/models/${row.model_id}`}>${name(row.model_id)}<//>`, text: (row) => row.model_id },
    ...metrics.map((metric) => ({ title: scoreName(metric), numeric: true, cell: (row) => format.score(row.scores[metric]), text: (row) => row.scores[metric] })),
  ]} />`;
}
