// Explanations: what a model has learnt and where it is right, on rows of a data set.
import { html } from "../core/html.js";
import { send, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Copyable, Facts, Head, Loaded, LoadedPage, Tabs } from "../parts/basics.js";
import { List } from "../parts/table.js";
import { Calibration, Contributions, Dependences, Lift, Permutation, Residuals, Slices, ThresholdsOf } from "./explanation-parts.js";
import { intervalOf, intervalText, scoreName } from "./model-facts.js";

export function ExplanationsPage({ query }) {
  return html`<${Head} title=${t("nav.explanations")} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`}><${Link} class="button primary" to="/jobs/new?job_type=EXPLAIN">${t("explanations.new")}<//><//>
    <${List} path="/explanations" address="/explanations" query=${query} kinds=${["explanation"]} label=${t("nav.explanations")} file="explanations" columns=${columns()}
      empty=${html`<p>${t("explanations.none")}</p><${Link} to="/models" class="button primary">${t("nav.models")}<//>`} />`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (one) => html`<${Link} to=${`/explanations/${one.id}`}>${one.id}<//>`, text: (one) => one.id },
    { title: t("model.one"), cell: (one) => html`<${Link} to=${`/models/${one.model_id}`}>${t("model.one")} ${one.model_id}<//>`, text: (one) => one.model_id },
    { title: t("dataset.one"), cell: (one) => html`<${Link} to=${`/datasets/${one.dataset_id}`}>${one.dataset_id}<//>`, text: (one) => one.dataset_id },
    { title: t("rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
    { title: t("models.created"), cell: (one) => format.time(one.created_at), text: (one) => one.created_at },
  ];
}

export function ExplanationPage({ id, query }) {
  const resource = useResource(`/explanations/${id}`);
  const choose = (tab) => go(withQuery(`/explanations/${id}`, { tab }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(explanation) => html`<${ExplanationView} explanation=${explanation} tab=${query.tab} choose=${choose} />`}<//>`;
}

function ExplanationView({ explanation, tab, choose }) {
  const { lineage, metric, row_counts: rows } = explanation;
  const remove = () => send("DELETE", `/explanations/${explanation.id}`).then(() => go("/explanations"));
  const interval = intervalOf(explanation.score_intervals, "explained", metric);
  return html`<${Head} title=${t("explanation.one", { id: explanation.id })} back=${html`<${Link} to="/explanations">← ${t("nav.explanations")}<//>`}>
      <${Link} class="button primary" to=${`/models/${explanation.model_id}`}>${lineage.model_name} ${t("model.version", { version: lineage.model_version })}<//>
      <${Link} class="button" to=${`/jobs/new?from=${explanation.job_id}`}>${t("job.run_changed")}<//>
      <${Action} kind="danger" confirm=${t("explanations.delete_confirm")} onClick=${remove}>${t("delete")}<//><//>
    <p class="subtitle">${t("tests.sentence", { rows: format.number(rows.explained) })} <${Link} to=${`/datasets/${explanation.dataset_id}`}>${t("dataset.one")} ${explanation.dataset_id}<//> · <${Link} to=${`/jobs/${explanation.job_id}`}>${t("job.one")} ${explanation.job_id}<//> · ${format.time(explanation.created_at)}</p>
    <div class="numbers headline"><div class="number"><span>${scoreName(metric)}</span><strong>${format.score(explanation.scores[metric])}</strong><span>${interval ? intervalText(interval) : t("interval.none")}</span></div></div>
    <p class="quiet">${t("explanations.rows", { explained: format.number(rows.explained), labelled: format.number(rows.labelled), dropped: format.number(rows.dropped) })}</p>
    <${Tabs} chosen=${tab} onChoose=${choose} items=${tabsOf(explanation)} />`;
}

/** The parts that this explanation has. */
function tabsOf(explanation) {
  const part = (Part) => () => html`<${Part} explanation=${explanation} />`;
  return [
    ["importance", t("explain.importance"), part(Permutation)],
    ["contributions", t("explain.contributions"), part(Contributions)],
    ["dependence", t("model.dependence"), part(Dependences)],
    explanation.residuals ? null : ["calibration", t("model.calibration"), part(Calibration)],
    explanation.thresholds && ["thresholds", t("explain.thresholds"), () => html`<${OfTwoClasses} explanation=${explanation} />`],
    explanation.lift && ["lift", t("explain.lift"), part(Lift)],
    explanation.residuals && ["residuals", t("model.residuals"), part(Residuals)],
    ["slices", t("explain.slices"), part(Slices)],
    ["scores", t("model.scores"), part(Scores)],
    ["spec", t("job.spec"), () => html`<${Copyable} label=${t("job.spec")} text=${JSON.stringify(explanation.lineage.spec, null, 2)} />`],
  ].filter(Boolean);
}

// The names of the classes are known to the model.
function OfTwoClasses({ explanation }) {
  const model = useResource(`/models/${explanation.model_id}`);
  return html`<${Loaded} resource=${model}>${(found) => html`<${ThresholdsOf} explanation=${explanation} classes=${found.details.classes} positive=${found.details.positive_class} />`}<//>`;
}

const Scores = ({ explanation }) =>
  html`<${Facts} items=${Object.entries(explanation.scores).map(([name, value]) => [scoreName(name), html`${format.score(value)} <span class="quiet">${intervalText(intervalOf(explanation.score_intervals, "explained", name))}</span>`])} />`;
