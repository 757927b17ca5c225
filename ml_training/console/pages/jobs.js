// The list of jobs: filtered, sorted, a page at a time; several can be cancelled or run again at once.
import { html, useState } from "../core/html.js";
import { newRequestKey, send } from "../core/api.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Head, Progress, Status } from "../parts/basics.js";
import { Filters, SelectField } from "../parts/fields.js";
import { SearchField, SortField, useFilters } from "../parts/filters.js";
import { SavedFilters } from "../parts/saved-filters.js";
import { List } from "../parts/table.js";
import { JOB_TYPES, STATUSES, jobTitle } from "./job-facts.js";

const TOGETHER = [["q", "status"], ["name", "status", "sort"], ["dataset_id", "status", "job_type", "sort"], ["status", "job_type", "model_type", "sort"], ["parent_id", "sort"]];
const choices = (values, prefix = "") => [["", t("all")], ...values.map((value) => [value, prefix ? t(`${prefix}.${value}`) : value])];

export function JobsPage({ query }) {
  const [selected, setSelected] = useState([]);
  const set = useFilters("/jobs", query, TOGETHER);
  const bulk = (verb) => async () => {
    await send("POST", `/jobs/${verb}`, { ids: selected }, verb === "retry" ? { headers: { "Idempotency-Key": newRequestKey() } } : {});
    setSelected([]);
  };
  return html`<${Head} title=${t("nav.jobs")}><${Link} to="/jobs/new" class="button primary">${t("nav.new_job")}<//><//>
    <${Filters}>
      <${SelectField} label=${t("job.status")} value=${query.status} onChange=${set("status")} options=${choices(STATUSES, "status")} />
      <${SelectField} label=${t("job.type")} value=${query.job_type} onChange=${set("job_type")} options=${choices(JOB_TYPES)} />
      <${SearchField} label=${t("job.model_name")} value=${query.q ?? query.name} onChange=${set("q")} />
      <${SortField} query=${query} onChange=${set("sort")} />
    <//>
    ${selected.length > 0 && html`<div class="selected" role="region" aria-label=${t("selected")}>${t("selected_count", { count: selected.length })}
      <${Action} onClick=${bulk("cancel")} confirm=${t("job.cancel_confirm")}>${t("job.cancel")}<//><${Action} onClick=${bulk("retry")}>${t("job.run_again")}<//></div>`}
    <${SavedFilters} address="/jobs" query=${query} />
    <${List} path="/jobs" address="/jobs" query=${query} kinds=${["job"]} label=${t("nav.jobs")} file="jobs" columns=${columns()} selectable selected=${selected} onSelect=${setSelected}
      empty=${html`<p>${t("jobs.none")}</p><${Link} to="/jobs/new" class="button primary">${t("nav.new_job")}<//>`} />`;
}

export function columns() {
  return [
    { title: "#", numeric: true, cell: (job) => html`<${Link} to=${`/jobs/${job.id}`}>${job.id}<//>`, text: (job) => job.id },
    { title: t("job.type"), cell: (job) => job.job_type, text: (job) => job.job_type },
    { title: t("job.what"), cell: (job) => html`<${Link} to=${`/jobs/${job.id}`}>${jobTitle(job)}<//>`, text: jobTitle },
    { title: t("job.status"), cell: statusCell, text: (job) => job.status },
    { title: t("job.created"), cell: (job) => format.time(job.created_at), text: (job) => job.created_at },
    { title: t("job.took"), numeric: true, cell: (job) => format.seconds(took(job)), text: took },
  ];
}

const took = (job) => (job.started_at ? format.secondsBetween(job.started_at, job.finished_at) : null);

const statusCell = (job) => html`<${Status} value=${job.status} />${job.status === "RUNNING" && html` <${Progress} value=${job.progress} />`}${job.error && html`<div class="quiet">${job.error.code}</div>`}`;
