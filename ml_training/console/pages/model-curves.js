// The curves of a model: decisions at each threshold for two classes, and the loss while it was trained.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { Chart } from "../parts/chart.js";
import { Thresholds, pointsOfCurve } from "../parts/thresholds.js";
import { scoreName } from "./model-facts.js";

export function ModelCurves({ model }) {
  const { curves = {}, confusion_matrix: matrix, positive_class: positive, classes } = model.details;
  return html`${curves.roc && matrix ? html`<${Decisions} curves=${curves} matrix=${matrix} positive=${positive} classes=${classes} isUnknown=${!curves.roc.threshold} />` : html`<p class="quiet">${t(model.task === "binary" ? "curve.one_class" : "curve.two_classes_only")}</p>`}
    <h2>${t("curve.learning")}</h2><${Learning} curves=${curves} />`;
}

/** Also of a test result: its curves and its confusion matrix are of the same kind. */
export function Decisions({ curves, matrix, positive, classes, isUnknown }) {
  const negative = classes.find((one) => one !== positive);
  const [at, other] = [matrix.labels.indexOf(positive), matrix.labels.indexOf(negative)];
  const start = { tp: matrix.counts[at][at], fp: matrix.counts[other][at] };
  return html`${isUnknown && html`<p class="quiet">${t("threshold.unknown")}</p>`}
    <${Thresholds} points=${pointsOfCurve(curves.roc, matrix, positive)} start=${start} positive=${String(positive)} negative=${String(negative)} curves=${curves} />`;
}

function Learning({ curves }) {
  const splits = (curves.learning_by_split ?? []).filter(Boolean);
  const learning = curves.learning;
  if (!learning && !splits.length) return html`<p class="quiet">${t("job.no_curve")}</p>`;
  return html`${learning && html`<${Losses} title=${t("curve.learning")} curve=${learning} />`}
    ${splits.length > 0 && html`<div class="cards">${splits.map((curve, index) => html`<section class="card" key=${index}><h2>${t("curve.split", { number: index + 1 })}</h2><${Losses} title=${t("curve.split", { number: index + 1 })} curve=${curve} /></section>`)}</div>`}`;
}

function Losses({ title, curve }) {
  const parts = Object.keys(curve).filter((name) => !["metric", "iteration"].includes(name));
  return html`<${Chart} title=${title} xLabel=${t("iteration")} yLabel=${scoreName(curve.metric)} x=${curve.iteration} lines=${parts.map((part) => ({ label: t(`part.${part}`), values: curve[part] }))} />`;
}
