// Asks for an API key, and tries it before it is kept.
import { html, useState } from "../core/html.js";
import { get, key } from "../core/api.js";
import { t } from "../core/text.js";
import { Action, Head } from "../parts/basics.js";
import { CheckField, TextField } from "../parts/fields.js";

export function SignIn({ onDone }) {
  const [value, setValue] = useState("");
  const [keep, setKeep] = useState(false);
  const check = async () => {
    key.set(value.trim(), { keep });
    try {
      await get("/jobs?limit=1");
    } catch (problem) {
      key.clear();
      throw problem;
    }
    onDone();
  };
  return html`<${Head} title=${t("sign_in.title")} />
    <form class="card narrow" onSubmit=${(event) => event.preventDefault()}>
      <p>${t("sign_in.explain")}</p>
      <${TextField} label=${t("sign_in.key")} value=${value} onChange=${setValue} type="password" autocomplete="current-password" placeholder="mlt_…" required />
      <${CheckField} label=${t("sign_in.keep")} value=${keep} onChange=${setKeep} />
      <${Action} kind="primary" onClick=${check} disabled=${!value.trim()}>${t("sign_in.do")}<//>
      <p class="quiet">${t("sign_in.make")}</p><pre>ml-training keys create --role operator --name me</pre>
    </form>`;
}
