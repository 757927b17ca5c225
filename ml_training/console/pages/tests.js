// Test results: a model evaluated on rows of a data set, compared with what its training promised.
import { html } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Facts, Head, LoadedPage, Tabs } from "../parts/basics.js";
import { IntervalBar } from "../parts/interval.js";
import { ConfusionMatrix } from "../parts/matrix.js";
import { List, Table } from "../parts/table.js";
import { Decisions } from "./model-curves.js";
import { LOWER_IS_BETTER, fittingMetric, intervalOf, intervalText, modelTitle, scoreName, scoresOf } from "./model-facts.js";

const metricOf = (result) => (result.scores.roc_auc !== undefined ? (result.scores.roc_auc === null ? "accuracy" : "roc_auc") : "r2");

export function TestsPage({ query }) {
  return html`<${Head} title=${t("nav.tests")} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`}><${Link} class="button primary" to="/jobs/new?job_type=TEST">${t("tests.new")}<//><//>
    <${List} path="/test-results" address="/tests" query=${query} kinds=${["test_result"]} label=${t("nav.tests")} file="tests" columns=${columns()}
      empty=${html`<p>${t("tests.none")}</p><${Link} to="/models" class="button primary">${t("nav.models")}<//>`} />`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (result) => html`<${Link} to=${`/tests/${result.id}`}>${result.id}<//>`, text: (result) => result.id },
    { title: t("model.one"), cell: (result) => html`<${Link} to=${`/models/${result.model_id}`}>${t("model.one")} ${result.model_id}<//>`, text: (result) => result.model_id },
    { title: t("dataset.one"), cell: (result) => html`<${Link} to=${`/datasets/${result.dataset_id}`}>${result.dataset_id}<//>`, text: (result) => result.dataset_id },
    { title: t("rows"), numeric: true, cell: (result) => format.number(result.rows), text: (result) => result.rows },
    { title: t("score"), numeric: true, cell: (result) => html`<span class="quiet">${scoreName(metricOf(result))}</span> ${format.score(result.scores[metricOf(result)])}`, text: (result) => result.scores[metricOf(result)] },
    { title: t("tests.remarks"), cell: (result) => html`${result.overlap && html`<span class="status running">${t("tests.overlap_short")}</span>`} ${result.overfitted && html`<span class="status failed">${t("tests.overfitted_short")}</span>`}`, text: (result) => [result.overlap && "overlap", result.overfitted && "overfitted"].filter(Boolean).join(" ") },
    { title: t("models.created"), cell: (result) => format.time(result.created_at), text: (result) => result.created_at },
  ];
}

export function TestPage({ id, query }) {
  const resource = useResource(`/test-results/${id}`);
  const choose = (tab) => go(withQuery(`/tests/${id}`, { tab }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(result) => html`<${TestView} result=${result} tab=${query.tab} choose=${choose} />`}<//>`;
}

function TestView({ result, tab, choose }) {
  const model = useResource(`/models/${result.model_id}`, { kinds: ["model"], id: result.model_id });
  const metric = model.data ? fittingMetric(model.data.task) : metricOf(result);
  const interval = intervalOf(result.details.score_intervals, "test", metric);
  const matrix = result.details.confusion_matrix;
  const curves = result.details.curves;
  return html`<${Head} title=${t("tests.one", { id: result.id })} back=${html`<${Link} to="/tests">← ${t("nav.tests")}<//>`}>
      <${Link} class="button primary" to=${`/models/${result.model_id}`}>${model.data ? modelTitle(model.data) : `${t("model.one")} ${result.model_id}`}<//>
      <${Link} class="button" to=${`/jobs/new?from=${result.job_id}`}>${t("job.run_changed")}<//><//>
    <p class="subtitle">${t("tests.sentence", { rows: format.number(result.rows) })} <${Link} to=${`/datasets/${result.dataset_id}`}>${t("dataset.one")} ${result.dataset_id}<//> · <${Link} to=${`/jobs/${result.job_id}`}>${t("job.one")} ${result.job_id}<//> · ${format.time(result.created_at)}</p>
    <div class="numbers headline">
      <div class="number"><span>${scoreName(metric)}</span><strong>${format.score(result.scores[metric])}</strong><span>${interval ? intervalText(interval) : t("interval.none")}</span></div>
      <div class="number"><span>${t("tests.promised")}</span><strong>${format.score(promised(result, metric))}</strong><span>${t("tests.promised_hint")}</span></div></div>
    <p>${t(verdict(result, metric, interval), { score: scoreName(metric) })}</p>
    ${result.overlap && html`<ul class="warnings"><li>${t("tests.overlap")}</li></ul>`}
    ${result.overfitted && html`<ul class="warnings"><li>${t("tests.overfitted")}</li></ul>`}
    <${Tabs} chosen=${tab} onChoose=${choose} items=${[
      ["scores", t("model.scores"), () => html`<${Scores} result=${result} />`],
      curves?.roc && matrix && ["curves", t("model.curves"), () => html`<${TestCurves} result=${result} model=${model} />`],
      matrix && ["matrix", t("model.matrix"), () => html`<${ConfusionMatrix} ...${matrix} />`],
      ["facts", t("job.facts"), () => html`<${RowFacts} rows=${result.details.rows} />`],
    ].filter(Boolean)} />`;
}

// The degradation is the held-out score minus the score here.
function promised(result, metric) {
  const [here, lost] = [result.scores[metric], result.degradation?.[metric]];
  return here === null || lost === null || lost === undefined ? null : here + lost;
}

function verdict(result, metric, interval) {
  const wanted = promised(result, metric);
  if (wanted === null || !interval) return "tests.verdict_unknown";
  const isWorse = LOWER_IS_BETTER.includes(metric) ? interval[0] > wanted : interval[1] < wanted;
  const isBetter = LOWER_IS_BETTER.includes(metric) ? interval[1] < wanted : interval[0] > wanted;
  return isWorse ? "tests.verdict_worse" : isBetter ? "tests.verdict_better" : "tests.verdict_same";
}

function Scores({ result }) {
  const task = "r2" in result.scores ? "regression" : "binary";
  const rows = scoresOf(task).map((metric) => ({ metric, here: result.scores[metric], promised: promised(result, metric), interval: intervalOf(result.details.score_intervals, "test", metric) }));
  const range = (row) => {
    const found = [row.here, row.promised, ...(row.interval ?? [])].filter((one) => one !== null && one !== undefined);
    return [Math.min(0, ...found), Math.max(...found, LOWER_IS_BETTER.includes(row.metric) ? 0 : 1)];
  };
  return html`<${Table} label=${t("model.scores")} rows=${rows} keyOf=${(row) => row.metric} file=${`test-${result.id}`} columns=${[
    { title: t("score"), cell: (row) => html`<strong>${scoreName(row.metric)}</strong> <small>${t(`score.${row.metric}_means`)}</small>`, text: (row) => row.metric },
    { title: t("tests.here"), numeric: true, cell: (row) => format.score(row.here), text: (row) => row.here },
    { title: t("interval"), cell: (row) => html`<span class="together"><${IntervalBar} value=${row.here} interval=${row.interval} base=${row.promised} range=${range(row)} /> ${intervalText(row.interval)}</span>`, text: (row) => row.interval?.join(" ") },
    { title: t("tests.promised"), numeric: true, cell: (row) => format.score(row.promised), text: (row) => row.promised },
  ]} /><p class="quiet">${t("tests.explain")}</p>`;
}

// Which class is the positive one is known to the model; without it (it may be deleted) it is the last in sorted order.
function TestCurves({ result, model }) {
  const { curves, confusion_matrix: matrix } = result.details;
  const positive = model.data?.details.positive_class ?? matrix.labels.at(-1);
  return html`<${Decisions} curves=${curves} matrix=${matrix} positive=${positive} classes=${matrix.labels} isUnknown=${!curves.roc.threshold} />`;
}

const RowFacts = ({ rows }) => html`<${Facts} items=${[[t("rows"), format.number(rows.test)], [t("splits.dropped"), format.number(rows.dropped)], [t("splits.not_covered"), rows.not_covered ? format.number(rows.not_covered) : null]]} />`;
