// The workers: hosts, slots, what each runs; a worker can be drained before its machine is switched off.
import { html } from "../core/html.js";
import { send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Empty, Head, Loaded, Progress } from "../parts/basics.js";

export function FleetPage() {
  const resource = useResource("/workers", { kinds: ["job"], every: 5 });
  return html`<${Head} title=${t("nav.fleet")} />
    <${Loaded} resource=${resource}>${(page) =>
      page.items.length ? html`<div class="cards">${page.items.map((worker) => html`<${Worker} key=${worker.process} worker=${worker} reload=${resource.reload} />`)}</div>` : html`<${Empty}><p>${t("fleet.none")}</p><pre>ml-training doctor</pre><//>`}<//>`;
}

function Worker({ worker, reload }) {
  const drain = () => send("POST", `/workers/${encodeURIComponent(worker.process)}/drain`).then(reload);
  return html`<${Card} title=${worker.process} actions=${worker.draining ? html`<span class="status cancelled">${t("fleet.draining")}</span>` : html`<${Action} onClick=${drain} confirm=${t("fleet.drain_confirm")}>${t("fleet.drain")}<//>`}>
    ${worker.storage_trouble && html`<div class="problem" role="alert"><p>${worker.storage_trouble}</p></div>`}
    <p>${t("fleet.slots", { busy: worker.slots - worker.free_slots, total: worker.slots })} · <span class="quiet">${t("fleet.seen", { time: format.time(worker.seen_at) })}</span></p>
    <p class="quiet">${worker.host} · ${t("fleet.version", { version: format.any(worker.version), schema: format.any(worker.schema_revision) })}</p>
    <ul class="jobs">${worker.jobs.map((job) => html`<li key=${job.id}><${Link} to=${`/jobs/${job.id}`}>#${job.id} ${job.job_type} ${job.model_type}<//><${Progress} value=${job.progress} /></li>`)}</ul>
    ${worker.other_jobs > 0 && html`<p class="quiet">${t("fleet.others", { count: worker.other_jobs })}</p>`}<//>`;
}
