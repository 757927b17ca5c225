// What a model's newest explanation says; without one, the button that makes it.
import { html, useState } from "../core/html.js";
import { newRequestKey, send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Loaded } from "../parts/basics.js";

/** {card, explanation}: resources; the second has data once there is an explanation. */
export function useNewestExplanation(model) {
  const card = useResource(`/models/${model.id}/card`, { kinds: ["explanation"] });
  const id = card.data?.explanation?.id;
  return { card, explanation: useResource(id ? `/explanations/${id}` : null) };
}

/** children(explanation), once it is there. */
export function Explained({ model, children }) {
  const { card, explanation } = useNewestExplanation(model);
  return html`<${Loaded} resource=${card}>${(found) =>
    found.explanation
      ? html`<${Loaded} resource=${explanation}>${(one) => html`<p class="quiet"><${Link} to=${`/explanations/${one.id}`}>${t("explanation.one", { id: one.id })}<//> · ${t("explain.rows", { rows: format.number(one.rows), dataset: one.dataset_id })}. ${one.dataset_id === model.dataset_id && t("explain.same_data")}</p>${children(one)}`}<//>`
      : html`<${ExplainThis} model=${model} />`}<//>`;
}

export function ExplainThis({ model }) {
  const [key] = useState(newRequestKey);
  const submit = async () => {
    const job = await send("POST", "/jobs", { job_type: "EXPLAIN", model_id: model.id, dataset_id: model.dataset_id }, { headers: { "Idempotency-Key": key } });
    go(`/jobs/${job.id}`);
  };
  return html`<div class="card"><p>${t("explain.not_yet")}</p>
    <${Action} kind="primary" onClick=${submit}>${t("explain.do")}<//> <${Link} class="button" to=${`/jobs/new?job_type=EXPLAIN&model_id=${model.id}`}>${t("explain.other_rows")}<//>
    <p class="quiet">${t("explain.training_rows")}</p></div>`;
}
