// One study: the best trial and its model, how the search came to it, which parameters matter, all trials.
import { html } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Bars } from "../parts/bars.js";
import { Facts, Head, LoadedPage, Status, Tabs } from "../parts/basics.js";
import { ParallelCoordinates } from "../parts/parallel-coordinates.js";
import { List } from "../parts/table.js";
import { isBetter, scoreName } from "./model-facts.js";
import { History } from "./study-history.js";
import { MOST_TRIALS, useTrials } from "./trials.js";

const TRIALS = "trials"; // its pages stand in the address, so it has an address of its own

export function StudyPage({ id, query, address }) {
  const resource = useResource(`/studies/${id}`);
  const tab = address.endsWith(`/${TRIALS}`) ? TRIALS : query.tab;
  const choose = (name) => go(name === TRIALS ? `/studies/${id}/${TRIALS}` : withQuery(`/studies/${id}`, { tab: name }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(study) => html`<${StudyView} study=${study} tab=${tab} choose=${choose} query=${query} />`}<//>`;
}

function StudyView({ study, tab, choose, query }) {
  return html`<${Head} title=${t("studies.one", { id: study.id })} back=${html`<${Link} to="/studies">← ${t("nav.studies")}<//>`}>
      <${Link} class="button primary" to=${`/models/${study.best_model_id}`}>${t("studies.open_model")}<//>
      <${Link} class="button" to=${`/jobs/new?from=${study.job_id}`}>${t("studies.again")}<//><//>
    <p class="subtitle">${t(`studies.stopped_${study.stopped_by}`)} · <${Link} to=${`/datasets/${study.dataset_id}`}>${t("dataset.one")} ${study.dataset_id}<//> · <${Link} to=${`/jobs/${study.job_id}`}>${t("job.one")} ${study.job_id}<//> · ${format.time(study.created_at)}</p>
    <div class="numbers headline">
      <div class="number"><span>${scoreName(study.metric)}</span><strong>${format.score(study.best_score)}</strong><span>${t("studies.best_trial", { number: study.best_trial })}</span></div>
      <div class="number"><span>${t("studies.trials")}</span><strong>${format.number(study.trials)}</strong><span>${t("studies.failed", { count: format.number(study.failed_trials) })}</span></div></div>
    <${Facts} items=${Object.entries(study.best_values).map(([name, value]) => [parameter(name), format.any(value)])} />
    ${study.warm_start && html`<p class="quiet">${t("studies.warm_start", { trials: format.number(study.warm_start.trials), studies: study.warm_start.studies.join(", ") || "0" })}</p>`}
    <p class="quiet">${t("studies.optimistic")}</p>
    <${Tabs} chosen=${tab} onChoose=${choose} items=${[
      ["history", t("studies.history"), () => html`<${WithTrials} study=${study}>${(trials) => html`<${History} metric=${study.metric} trials=${trials} />`}<//>`],
      ["importances", t("model.importance"), () => html`<${Importances} study=${study} />`],
      ["parallel", t("studies.parallel"), () => html`<${WithTrials} study=${study}>${(trials) => html`<${Parallel} study=${study} trials=${trials} />`}<//>`],
      [TRIALS, t("studies.trials"), () => html`<${Trials} study=${study} query=${query} />`],
    ]} />`;
}

/** "/params/learning_rate" as people write it. */
const parameter = (pointer) => pointer.replace("/params/", "").replace(/^\//, "").replaceAll("/", ".");

/** children(trials), as they arrive; of a very large study the first ones. */
function WithTrials({ study, children }) {
  const { trials, isComplete, problem } = useTrials(study.id);
  return html`${problem && html`<p class="problem" role="alert">${problem.message}</p>`}
    ${!isComplete && !problem && html`<p class="quiet" role="status">${t("studies.loading", { loaded: format.number(trials.length), count: format.number(study.trials) })}</p>`}
    ${study.trials > MOST_TRIALS && html`<p class="quiet">${t("studies.first", { count: format.number(MOST_TRIALS) })}</p>`}
    ${trials.length > 0 && children(trials)}`;
}

function Importances({ study }) {
  const found = Object.entries(study.importances).map(([name, value]) => ({ label: parameter(name), value }));
  const known = found.filter((one) => one.value !== null).sort((one, other) => other.value - one.value);
  const unknown = found.filter((one) => one.value === null);
  return html`<p class="quiet">${t("studies.importance_hint")}</p>
    ${known.length ? html`<${Bars} title=${t("model.importance")} nameLabel=${t("studies.parameter")} valueLabel=${t("studies.share")} show=${format.percent} items=${known} />` : html`<p>${t("studies.no_importance")}</p>`}
    ${unknown.length > 0 && html`<p class="quiet">${t("studies.unknown", { names: unknown.map((one) => one.label).join(", ") })}</p>`}`;
}

function Parallel({ study, trials }) {
  const names = [...new Set(trials.flatMap((trial) => Object.keys(trial.values)))];
  const axes = names.map((name) => ({ name: parameter(name), value: (trial) => trial.values[name] }));
  return html`<${ParallelCoordinates} title=${t("studies.parallel")} axes=${axes} score=${scoreName(study.metric)} rows=${trials.filter((trial) => trial.score !== null)} isBetter=${(one, other) => isBetter(study.metric, one, other)} />`;
}

function Trials({ study, query }) {
  const names = Object.keys(study.best_values);
  const columns = [
    { title: t("studies.number"), numeric: true, cell: (trial) => html`${trial.number === study.best_trial && "★ "}<${Link} to=${`/jobs/${trial.job_id}`}>${trial.number}<//>`, text: (trial) => trial.number },
    { title: t("job.status"), cell: (trial) => html`<${Status} value=${trial.status} />${trial.error && html`<div class="quiet">${trial.error}</div>`}`, text: (trial) => trial.status },
    { title: scoreName(study.metric), numeric: true, cell: (trial) => format.score(trial.score), text: (trial) => trial.score },
    ...names.map((name) => ({ title: parameter(name), numeric: true, cell: (trial) => format.any(trial.values[name]), text: (trial) => trial.values[name] })),
    { title: t("job.took"), numeric: true, cell: (trial) => format.seconds(trial.seconds), text: (trial) => trial.seconds },
  ];
  return html`<${List} path=${`/studies/${study.id}/trials`} address=${`/studies/${study.id}/trials`} query=${{ cursor: query.cursor }} label=${t("studies.trials")} file=${`study-${study.id}-trials`} columns=${columns} empty=${t("none")} />`;
}
