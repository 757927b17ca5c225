// The first page: what runs, what waits, what failed, how the service is; for an empty service the first steps.
import { html } from "../core/html.js";
import { send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Head, Loaded, ProblemBox, Progress } from "../parts/basics.js";
import { jobTitle } from "./job-facts.js";

const ROWS = 8;

export function OverviewPage() {
  const datasets = useResource("/datasets?limit=1", { kinds: ["dataset"] });
  const isEmpty = datasets.data?.items.length === 0;
  return html`<${Head} title=${t("nav.overview")} />
    ${isEmpty ? html`<${FirstSteps} />` : html`<${Numbers} />
      <div class="cards">
        <${JobsCard} title=${t("overview.running")} status="RUNNING" live />
        <${JobsCard} title=${t("overview.waiting")} status="PENDING" />
        <${JobsCard} title=${t("overview.failed")} status="FAILED" />
        <${JobsCard} title=${t("overview.completed")} status="COMPLETED" />
      </div>`}
    <${Health} />`;
}

function Numbers() {
  const resource = useResource("/overview", { kinds: ["job"], every: 5 });
  const overview = resource.data;
  if (!overview) return html`<${ProblemBox} problem=${resource.problem} />`;
  const { jobs, workers, storage } = overview;
  const since = t("overview.since", { time: format.time(jobs.ended.since) });
  return html`<div class="numbers">
    <${Number} label=${t("status.RUNNING")} value=${jobs.running} to="/jobs?status=RUNNING" />
    <${Number} label=${t("status.PENDING")} value=${jobs.pending} to="/jobs?status=PENDING" note=${jobs.oldest_pending_seconds !== null && t("overview.oldest", { time: format.seconds(jobs.oldest_pending_seconds) })} />
    <${Number} label=${t("status.COMPLETED")} value=${jobs.ended.completed} to="/jobs?status=COMPLETED" note=${since} />
    <${Number} label=${t("status.FAILED")} value=${jobs.ended.failed} to="/jobs?status=FAILED" note=${since} />
    <${Number} label=${t("overview.slots")} value=${`${workers.busy_slots} / ${workers.slots}`} to="/fleet" note=${t("overview.workers", { count: workers.count })} />
    <${Number} label=${t("overview.stored")} value=${format.bytes(storage.stored_bytes)} to="/datasets" note=${storage.free_bytes !== null && t("overview.free", { size: format.bytes(storage.free_bytes) })} />
  </div>`;
}

const Number = ({ label, value, to, note }) =>
  html`<${Link} class="number" to=${to}><strong>${typeof value === "number" ? format.number(value) : value}</strong><span>${label}</span>${note && html`<small>${note}</small>`}<//>`;

function JobsCard({ title, status, live }) {
  const resource = useResource(`/jobs?status=${status}&limit=${ROWS}`, { kinds: ["job"], every: live ? 2 : 0 });
  return html`<${Card} title=${title} actions=${html`<${Link} to=${`/jobs?status=${status}`}>${t("show_all")}<//>`}>
    <${Loaded} resource=${resource}>${(page) => (page.items.length ? html`<ul class="jobs">${page.items.map((job) => html`<${JobLine} key=${job.id} job=${job} />`)}</ul>` : html`<p class="quiet">${t("none")}</p>`)}<//>
  <//>`;
}

const JobLine = ({ job }) => html`<li><${Link} to=${`/jobs/${job.id}`}>#${job.id} ${job.job_type} ${jobTitle(job)}<//>
  ${job.status === "RUNNING" ? html`<${Progress} value=${job.progress} />` : html`<span class="quiet">${job.error ? job.error.code : format.time(job.finished_at || job.created_at)}</span>`}</li>`;

function Health() {
  const resource = useResource("/health/ready", { every: 10 });
  const parts = Object.entries(resource.data?.parts || resource.data || {}).filter(([, part]) => part && typeof part === "object" && "ok" in part);
  if (!parts.length) return null;
  return html`<${Card} title=${t("overview.health")}><ul class="health">${parts.map(
    ([name, part]) => html`<li key=${name}><span class=${part.ok ? "status completed" : "status failed"}>${part.ok ? "✓" : "✕"} ${name}</span> <span class="quiet">${part.detail}</span></li>`,
  )}</ul><//>`;
}

/** What a person who has just started the service does first: sample data, or their own file. */
function FirstSteps() {
  const samples = useResource("/datasets/samples");
  const load = async (sample) => {
    const dataset = await send("POST", "/datasets", { name: sample.sample, sample: sample.sample });
    go(`/jobs/new?dataset_id=${dataset.id}&target=${encodeURIComponent(sample.target)}`);
  };
  return html`<div class="welcome card"><h2>${t("first.title")}</h2><p>${t("first.explain")}</p>
    <p><${Link} class="button primary" to="/datasets/new">${t("first.upload")}<//></p>
    <h3>${t("first.samples")}</h3>
    <${Loaded} resource=${samples}>${(found) => html`<ul class="samples">${found.items.map(
      (sample) => html`<li key=${sample.sample}><strong>${sample.sample}</strong> <span class="quiet">${t("first.size", { rows: format.number(sample.rows), columns: sample.columns })} · ${sample.task}</span><p>${sample.description}</p>
        <${Action} onClick=${() => load(sample)}>${t("first.use")}<//></li>`,
    )}</ul>`}<//></div>`;
}
