// Drift reports: how far rows are from those that a model was trained on, by feature and over all.
import { html } from "../core/html.js";
import { send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Facts, Head, LoadedPage } from "../parts/basics.js";
import { Bars } from "../parts/bars.js";
import { List, PAGE_ROWS, Table } from "../parts/table.js";

export function DriftReportsPage({ query }) {
  return html`<${Head} title=${t("nav.drift")} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`}><${Link} class="button primary" to="/jobs/new?job_type=DRIFT">${t("drift.new")}<//><//>
    <${List} path="/drift-reports" address="/drift" query=${query} kinds=${["drift_report"]} label=${t("nav.drift")} file="drift-reports" columns=${columns()}
      empty=${html`<p>${t("drift.none")}</p><${Link} to="/models" class="button primary">${t("nav.models")}<//>`} />`;
}

function columns() {
  return [
    { title: "#", numeric: true, cell: (one) => html`<${Link} to=${`/drift/${one.id}`}>${one.id}<//>`, text: (one) => one.id },
    { title: t("model.one"), cell: (one) => html`<${Link} to=${`/models/${one.model_id}`}>${t("model.one")} ${one.model_id}<//>`, text: (one) => one.model_id },
    { title: t("dataset.one"), cell: (one) => html`<${Link} to=${`/datasets/${one.dataset_id}`}>${one.dataset_id}<//>`, text: (one) => one.dataset_id },
    { title: t("rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
    { title: "PSI", numeric: true, cell: (one) => format.score(one.weighted_psi), text: (one) => one.weighted_psi },
    { title: t("drift.drifted"), cell: (one) => html`<${Verdict} drifted=${one.drifted} />`, text: (one) => one.drifted },
    { title: t("models.created"), cell: (one) => format.time(one.created_at), text: (one) => one.created_at },
  ];
}

const Verdict = ({ drifted }) => html`<span class=${drifted ? "status failed" : "status completed"}>${drifted ? "✕" : "✓"} ${t(drifted ? "yes" : "no")}</span>`;

export function DriftReportPage({ id }) {
  const resource = useResource(`/drift-reports/${id}`);
  return html`<${LoadedPage} resource=${resource}>${(report) => html`<${ReportView} report=${report} />`}<//>`;
}

function ReportView({ report }) {
  const { lineage, row_counts: rows } = report;
  const remove = () => send("DELETE", `/drift-reports/${report.id}`).then(() => go("/drift"));
  return html`<${Head} title=${t("drift.one", { id: report.id })} back=${html`<${Link} to="/drift">← ${t("nav.drift")}<//>`}>
      <${Link} class="button primary" to=${`/models/${report.model_id}`}>${lineage.model_name} ${t("model.version", { version: lineage.model_version })}<//>
      <${Link} class="button" to=${`/jobs/new?from=${report.job_id}`}>${t("job.run_changed")}<//>
      <${Action} kind="danger" confirm=${t("drift.delete_confirm")} onClick=${remove}>${t("delete")}<//><//>
    <p class="subtitle"><${Link} to=${`/datasets/${report.dataset_id}`}>${t("dataset.one")} ${report.dataset_id}<//> · <${Link} to=${`/jobs/${report.job_id}`}>${t("job.one")} ${report.job_id}<//> · ${format.time(report.created_at)}</p>
    <div class="numbers headline"><div class="number"><span>${t("drift.drifted")}</span><strong>${t(report.drifted ? "yes" : "no")}</strong><span>${t("drift.threshold", { threshold: format.score(report.threshold) })}</span></div>
      <div class="number"><span>PSI</span><strong>${format.score(report.weighted_psi)}</strong><span>${t(`drift.weights_${report.weights}`)}</span></div></div>
    <p>${verdict(report)}</p>
    <${Facts} items=${[
      [t("drift.judged"), format.score(report.judged_psi)],
      [t("drift.p_value"), format.score(report.p_value)],
      [t("drift.auc"), format.score(report.auc)],
      [t("drift.training_rows"), format.number(rows.training)],
      [t("drift.compared_rows"), format.number(rows.compared)],
    ]} />
    <h2>${t("drift.features")}</h2>
    <${Bars} title=${t("drift.features")} nameLabel=${t("drift.feature")} valueLabel="PSI" items=${report.features.map((one) => ({ label: one.feature, value: one.psi }))} />
    <${Table} label=${t("drift.features")} file=${`drift-${report.id}`} keyOf=${(one) => one.feature} rows=${report.features.slice(0, PAGE_ROWS)} columns=${featureColumns()} />`;
}

/** The report in one sentence. */
function verdict({ drifted, p_value: chance }) {
  if (drifted) return t("drift.verdict_yes");
  return t(chance === null ? "drift.verdict_unknown" : "drift.verdict_no");
}

function featureColumns() {
  const numbers = ["psi", "wasserstein", "ks", "p_value", "weight"].map((name) => ({ title: t(`drift.${name}`), numeric: true, cell: (one) => format.score(one[name]), text: (one) => one[name] }));
  const shares = ["missing_share_training", "missing_share", "unseen_share"].map((name) => ({ title: t(`drift.${name}`), numeric: true, cell: (one) => format.percent(one[name]), text: (one) => one[name] }));
  return [{ title: t("drift.feature"), cell: (one) => one.feature, text: (one) => one.feature }, ...numbers, ...shares];
}
