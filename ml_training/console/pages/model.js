// One model: how good it is, what users say about it, and in its tabs everything that is known about it.
import { html } from "../core/html.js";
import { download, request, saveFile, send, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Copyable, Head, LoadedPage, Tabs, Warnings } from "../parts/basics.js";
import { ConfusionMatrix } from "../parts/matrix.js";
import { Calibration, Dependences, Residuals } from "./explanation-parts.js";
import { Explained } from "./model-explained.js";
import { ModelCurves } from "./model-curves.js";
import { modelTitle, targetText } from "./model-facts.js";
import { ModelImportance } from "./model-importance.js";
import { Labels } from "./model-labels.js";
import { Lineage } from "./model-lineage.js";
import { Headline, ModelScores } from "./model-scores.js";
import { ModelSplits } from "./model-splits.js";
import { UseInPython } from "./model-use.js";

export function ModelPage({ id, query }) {
  const resource = useResource(`/models/${id}`, { kinds: ["model"], id });
  const choose = (tab) => go(withQuery(`/models/${id}`, { tab }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(model) => html`<${ModelView} model=${model} tab=${query.tab} choose=${choose} reload=${resource.reload} />`}<//>`;
}

function ModelView({ model, tab, choose, reload }) {
  const remove = () => send("DELETE", `/models/${model.id}`).then(() => go("/models"));
  return html`<${Head} title=${modelTitle(model)} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`}>
      <${Link} class="button primary" to=${`/jobs/new?job_type=PREDICT&model_id=${model.id}`}>${t("model.predict")}<//>
      <${Link} class="button" to=${`/predictions/new?model_id=${model.id}`}>${t("prediction.from_rows")}<//>
      <${Link} class="button" to=${`/jobs/new?job_type=TEST&model_id=${model.id}`}>${t("model.test")}<//>
      <${Link} class="button" to=${`/jobs/new?from=${model.job_id}`}>${t("model.train_changed")}<//>
      <${Action} onClick=${() => saveCard(model)}>${t("model.card")}<//>
      <${Action} kind="danger" confirm=${t("model.delete_confirm", { name: modelTitle(model) })} onClick=${remove}>${t("delete")}<//>
    <//>
    <p class="subtitle">${t("model.sentence", { type: model.model_type, task: t(`task.${model.task}`), target: targetText(model.lineage.spec?.target) })} · <${Link} to=${`/datasets/${model.dataset_id}`}>${model.lineage.dataset_name ?? t("dataset.one")} ${t("model.version", { version: model.lineage.dataset_version ?? "" })}<//> · ${format.time(model.created_at)}</p>
    <${Headline} model=${model} />
    <${Warnings} items=${model.details.warnings} />
    <${Labels} model=${model} reload=${reload} />
    <${Tabs} chosen=${tab} onChoose=${choose} items=${tabsOf(model)} />`;
}

/** The tabs that fit the task of the model. */
function tabsOf(model) {
  const matrix = model.details.confusion_matrix;
  const isQuantity = model.task === "regression";
  const explained = (Part) => () => html`<${Explained} model=${model}>${(explanation) => html`<${Part} explanation=${explanation} />`}<//>`;
  return [
    ["scores", t("model.scores"), () => html`<${ModelScores} model=${model} />`],
    ["curves", t("model.curves"), () => html`<${ModelCurves} model=${model} />`],
    matrix && ["matrix", t("model.matrix"), () => html`<${ConfusionMatrix} ...${matrix} />`],
    !isQuantity && ["calibration", t("model.calibration"), explained(Calibration)],
    isQuantity && ["residuals", t("model.residuals"), explained(Residuals)],
    ["importance", t("model.importance"), () => html`<${ModelImportance} model=${model} />`],
    ["dependence", t("model.dependence"), explained(Dependences)],
    ["splits", t("model.splits"), () => html`<${ModelSplits} model=${model} />`],
    ["lineage", t("model.lineage"), () => html`<${Lineage} model=${model} />`],
    ["use", t("model.use"), () => html`<${UseInPython} model=${model} onDownload=${() => download(`/models/${model.id}/download`, `${model.name}.zip`)} />`],
    ["spec", t("job.spec"), () => html`<p><${Link} class="button" to=${`/jobs/new?from=${model.job_id}`}>${t("model.train_changed")}<//></p><${Copyable} label=${t("job.spec")} text=${JSON.stringify(model.lineage.spec, null, 2)} />`],
  ].filter(Boolean);
}

// One file that needs nothing else. A link could not send the key.
async function saveCard(model) {
  const answer = await request("GET", `/models/${model.id}/card`, { headers: { Accept: "text/html" } });
  saveFile(await answer.blob(), `${model.name}-${model.version}.html`);
}
