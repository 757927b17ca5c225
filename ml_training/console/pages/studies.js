// Studies: searches for parameters. Those that run are jobs and are shown first; below are those that have ended.
import { html } from "../core/html.js";
import { useResource } from "../core/resource.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Card, Head, Progress } from "../parts/basics.js";
import { Filters } from "../parts/fields.js";
import { SearchField, useFilters } from "../parts/filters.js";
import { SavedFilters } from "../parts/saved-filters.js";
import { List } from "../parts/table.js";
import { jobTitle } from "./job-facts.js";
import { scoreName } from "./model-facts.js";

export function StudiesPage({ query }) {
  const set = useFilters("/studies", query, [["q"]]);
  return html`<${Head} title=${t("nav.studies")}><${Link} class="button primary" to="/jobs/new?job_type=TUNE">${t("studies.new")}<//><//>
    <${Running} />
    <${Filters}><${SearchField} label=${t("job.model_name")} value=${query.q} onChange=${set("q")} /><//>
    <${SavedFilters} address="/studies" query=${query} />
    <${List} path="/studies" address="/studies" query=${query} kinds=${["study"]} label=${t("nav.studies")} file="studies" columns=${columns()}
      empty=${html`<p>${t("studies.none")}</p><${Link} to="/jobs/new?job_type=TUNE" class="button primary">${t("studies.new")}<//>`} />`;
}

function Running() {
  const resource = useResource("/jobs?job_type=TUNE&status=RUNNING&limit=20", { kinds: ["job"], every: 5 });
  const jobs = resource.data?.items ?? [];
  if (!jobs.length) return null;
  return html`<${Card} title=${t("overview.running")}><ul class="jobs">${jobs.map(
    (job) => html`<li key=${job.id}><${Link} to=${`/jobs/${job.id}`}>#${job.id} ${jobTitle(job)} · ${job.progress_message}<//><${Progress} value=${job.progress} /></li>`,
  )}</ul><//>`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (study) => html`<${Link} to=${`/studies/${study.id}`}>${study.id}<//>`, text: (study) => study.id },
    { title: t("job.model_name"), cell: (study) => html`<${Link} to=${`/studies/${study.id}`}>${format.any(study.model_name)}<//>`, text: (study) => study.model_name },
    { title: t("studies.best"), numeric: true, cell: (study) => html`<span class="quiet">${scoreName(study.metric)}</span> ${format.score(study.best_score)}`, text: (study) => study.best_score },
    { title: t("model.one"), cell: (study) => html`<${Link} to=${`/models/${study.best_model_id}`}>${t("model.one")} ${study.best_model_id}<//>`, text: (study) => study.best_model_id },
    { title: t("studies.trials"), numeric: true, cell: (study) => format.number(study.trials), text: (study) => study.trials },
    { title: t("studies.sampler"), cell: (study) => study.sampler, text: (study) => study.sampler },
    { title: t("studies.stopped"), cell: (study) => t(`studies.stopped_${study.stopped_by}`), text: (study) => study.stopped_by },
    { title: t("dataset.one"), cell: (study) => html`<${Link} to=${`/datasets/${study.dataset_id}`}>${study.dataset_id}<//>`, text: (study) => study.dataset_id },
    { title: t("models.created"), cell: (study) => format.time(study.created_at), text: (study) => study.created_at },
  ];
}
