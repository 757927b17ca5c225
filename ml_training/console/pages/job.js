// One job, live: progress, the loss curve as it grows, the log that follows, its timeline, and what can be done with it.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { get, newRequestKey, send, withQuery } from "../core/api.js";
import { followJob } from "../core/events.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t, words } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Copyable, Facts, Head, LoadedPage, Progress, Status, Tabs, Warnings } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { LIVING, jobTitle, resultOf } from "./job-facts.js";
import { LiveStudy } from "./study-live.js";

export function JobPage({ id, query }) {
  const resource = useResource(`/jobs/${id}`, { kinds: ["job"], id });
  const choose = (tab) => go(withQuery(`/jobs/${id}`, { tab }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(job) => html`<${JobView} job=${job} tab=${query.tab} choose=${choose} reload=${resource.reload} />`}<//>`;
}

function JobView({ job, tab, choose, reload }) {
  const events = useJobEvents(job.id, reload);
  const now = { ...job, ...(LIVING.includes(job.status) ? events.progress : {}) };
  const result = resultOf(job);
  return html`<${Head} title=${`${t("job.one")} ${job.id}`} back=${html`<${Link} to="/jobs">← ${t("nav.jobs")}<//>`}>
      ${LIVING.includes(now.status) && html`<${Action} confirm=${t("job.cancel_confirm")} onClick=${() => send("POST", `/jobs/${job.id}/cancel`).then(reload)}>${t("job.cancel")}<//>`}
      ${job.job_type !== "INGEST" && html`${!LIVING.includes(now.status) && html`<${Action} onClick=${() => runAgain(job)}>${t("job.run_again")}<//>`}<${Link} class="button" to=${`/jobs/new?from=${job.id}`}>${t("job.run_changed")}<//>`}
      ${result && html`<${Link} class="button primary" to=${result[0]}>${t(`result.${result[1]}`, { id: result[2] })}<//>`}
    <//>
    <p class="subtitle">${job.job_type} · ${jobTitle(job)} <${Status} value=${now.status} /></p>
    ${now.status === "RUNNING" && html`<${Progress} value=${now.progress} /><p class="quiet" role="status">${now.progress_message} ${now.eta_seconds !== null && t("job.eta", { time: format.seconds(now.eta_seconds) })}</p>`}
    ${now.status === "PENDING" && html`<p class="quiet" role="status">${now.progress_message || t("job.waits")}</p>`}
    ${job.error && html`<div class="problem" role="alert"><strong>${job.error.code}</strong><p>${job.error.message}</p><p>${job.error.hint}</p></div>`}
    ${isUnchanged(job) && html`<p role="status">${t("job.unchanged", { id: job.dataset_id })}</p>`}
    <${Warnings} items=${job.warnings} />
    <${Tabs} chosen=${tab} onChoose=${choose} items=${[
      ...curveTab(job, events, LIVING.includes(now.status)),
      ["log", t("job.log"), () => html`<${Log} lines=${events.lines} follows=${LIVING.includes(now.status)} />`],
      ["facts", t("job.facts"), () => html`<${Timeline} job=${now} /><${JobFacts} job=${now} />`],
      ["spec", t("job.spec"), () => html`<${Copyable} label=${t("job.spec")} text=${JSON.stringify(job.spec, null, 2)} />`],
    ]} />`;
}

/** Only a training has a curve, and a study. */
function curveTab(job, events, follows) {
  if (job.job_type === "TUNE") return [["curve", t("studies.history"), () => html`<${LiveStudy} lines=${events.lines} />`]];
  if (job.job_type === "TRAIN") return [["curve", t("job.curve"), () => html`<${LossCurve} scores=${events.scores} follows=${follows} />`]];
  return [];
}

/** A refresh whose rows were those of before: it has made nothing. */
const isUnchanged = (job) => job.spec.refresh && job.result?.dataset_id === job.dataset_id;

/** What the stream of events has told so far. The arrays are new at each change, so that what draws them notices. */
function useJobEvents(id, onEnd) {
  const [state, setState] = useState({ progress: {}, scores: [], lines: [] });
  const waiting = useRef([]);
  useEffect(() => {
    // A hundred events that arrive together are one drawing, not a hundred.
    const flush = setInterval(() => {
      if (!waiting.current.length) return;
      const events = waiting.current.splice(0);
      setState((old) => events.reduce(withEvent, { ...old }));
      if (events.some(([name]) => name === "end")) onEnd();
    }, 150);
    const stop = followJob(id, (name, data) => waiting.current.push([name, data]));
    return () => {
      stop();
      clearInterval(flush);
    };
  }, [id]);
  return state;
}

function withEvent(state, [name, data]) {
  if (name === "progress") return { ...state, progress: data };
  if (name === "scores") return { ...state, scores: [...state.scores.filter((one) => one.attempt !== data.attempt || one.iteration < data.iteration), data] };
  if (name === "log") return { ...state, lines: [...state.lines, data] };
  return state;
}

function LossCurve({ scores, follows }) {
  if (!scores.length) return html`<p class="quiet">${t(follows ? "job.curve_waits" : "job.no_curve")}</p>`;
  const attempt = scores.at(-1).attempt;
  const shown = scores.filter((one) => one.attempt === attempt || one.iteration < scores.find((first) => first.attempt === attempt).iteration);
  const names = Object.keys(shown.at(-1)).filter((name) => !["iteration", "attempt", "at", "seq"].includes(name) && typeof shown.at(-1)[name] === "number");
  return html`<${Chart} title=${t("job.curve")} xLabel=${t("iteration")} yLabel=${t("loss")} x=${shown.map((one) => one.iteration)}
    lines=${names.map((name) => ({ label: curveName(name), values: shown.map((one) => one[name] ?? null) }))} />`;
}

/** "held_out_log_loss" in words. */
function curveName(name) {
  const [, part, score] = /^(train|held_out)_(.+)$/.exec(name) ?? [];
  return part ? `${words(`score.${score}`, score)} · ${t(`scores.${part}`)}` : name;
}

const SHOWN_LINES = 500;

function Log({ lines, follows }) {
  const place = useRef(null);
  const atEnd = useRef(true);
  useEffect(() => {
    if (atEnd.current && place.current) place.current.scrollTop = place.current.scrollHeight;
  }, [lines]);
  const watch = () => (atEnd.current = place.current.scrollTop + place.current.clientHeight > place.current.scrollHeight - 40);
  if (!lines.length) return html`<p class="quiet">${t(follows ? "job.log_waits" : "job.no_log")}</p>`;
  return html`${lines.length > SHOWN_LINES && html`<p class="quiet">${t("job.log_cut", { count: SHOWN_LINES })}</p>`}
    <pre class="log" ref=${place} onScroll=${watch} tabindex="0" role="log" aria-label=${t("job.log_lines")}>${lines
      .slice(-SHOWN_LINES)
      .map((line) => `${format.time(line.at)} [${line.attempt}] ${line.line}`)
      .join("\n")}</pre>`;
}

/** Waiting and running to scale. */
function Timeline({ job }) {
  if (!job.started_at) return null;
  const wait = job.queue_wait_seconds || 0;
  const run = format.secondsBetween(job.started_at, job.finished_at);
  const share = Math.max(2, Math.min(98, (100 * wait) / (wait + run || 1)));
  return html`<div class="timeline" role="img" aria-label=${t("job.timeline", { wait: format.seconds(wait), run: format.seconds(run) })}>
    <div class="waited" style=${{ width: `${share}%` }}>${format.seconds(wait)}</div><div class="ran" style=${{ width: `${100 - share}%` }}>${format.seconds(run)}</div></div>
    <p class="quiet">${t("job.timeline", { wait: format.seconds(wait), run: format.seconds(run) })}</p>`;
}

function JobFacts({ job }) {
  return html`<${Card}><${Facts} items=${[
    [t("job.created"), format.time(job.created_at)],
    [t("job.started"), job.started_at && format.time(job.started_at)],
    [t("job.finished"), job.finished_at && format.time(job.finished_at)],
    [t("job.attempt"), job.attempt],
    [t("job.worker"), job.worker],
    [t("job.priority"), job.priority],
    [t("job.memory"), job.memory_bytes && format.bytes(job.memory_bytes)],
    [t("job.limit"), format.seconds(job.max_runtime_seconds)],
    [t("dataset.one"), job.dataset_id && html`<${Link} to=${`/datasets/${job.dataset_id}`}>${job.dataset_id}<//>`],
    [t("job.reused_from"), job.reused_from && html`<${Link} to=${`/jobs/${job.reused_from}`}>${job.reused_from}<//>`],
    [t("study.one"), job.parent_id && html`<${Link} to=${`/jobs/${job.parent_id}`}>${job.parent_id}<//>`],
  ]} /><//>`;
}

async function runAgain(job) {
  const spec = job.job_type === "PREDICT" ? (await get(`/jobs/${job.id}`)).spec : job.spec;
  const made = await send("POST", "/jobs", spec, { headers: { "Idempotency-Key": newRequestKey() } });
  go(`/jobs/${made.id}`);
}
