// What a model uses: its own measure, and that of its newest explanation, which is the fairer one.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { Bars } from "../parts/bars.js";
import { Contributions, Permutation } from "./explanation-parts.js";
import { Explained } from "./model-explained.js";

export function ModelImportance({ model }) {
  const found = model.details.importance;
  return html`<div class="cards">
    <section class="card"><h2>${t("importance.own")}</h2>${
      found
        ? html`<p class="quiet">${t(`importance.${found.method}`)}</p><${Bars} title=${t("importance.own")} nameLabel=${t("feature")} valueLabel=${found.method} items=${found.features.map(({ feature, value }) => ({ label: feature, value }))} />`
        : html`<p>${t("importance.no_own", { type: model.model_type })}</p>`
    }</section>
    <section class="card"><h2>${t("explain.importance")}</h2><${Explained} model=${model}>${(explanation) => html`<${Permutation} explanation=${explanation} /><h3>${t("explain.contributions")}</h3><${Contributions} explanation=${explanation} />`}<//></section></div>
    <p class="quiet">${t("importance.warning")}</p>`;
}
