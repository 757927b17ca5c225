// Leads to the provider where people sign in, and asks for an API key, which is tried before it is kept.
import { html, useEffect, useState } from "../core/html.js";
import { get, key, session } from "../core/api.js";
import { t } from "../core/text.js";
import { Action, Head } from "../parts/basics.js";
import { CheckField, TextField } from "../parts/fields.js";

export const SIGN_IN = "/sign-in"; // where a sign-in ends that did not succeed, with its trouble
const TROUBLES = ["away", "denied", "state", "token", "role", "project"];

export function SignIn({ onDone, trouble = "" }) {
  const [provider, setProvider] = useState(null);
  useEffect(() => {
    session.show().then((found) => setProvider(found.provider), () => setProvider(null)); // a key works without it
  }, []);
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
    ${trouble && html`<p class="problem" role="alert">${t(`sign_in.trouble.${TROUBLES.includes(trouble) ? trouble : "away"}`)}</p>`}
    ${provider && html`<p class="card narrow"><a class="button primary" href=${session.start()} onClick=${() => key.clear()}>${t("sign_in.with", { provider })}</a></p>`}
    <form class="card narrow" onSubmit=${(event) => event.preventDefault()}>
      <p>${t("sign_in.explain")}</p>
      <${TextField} label=${t("sign_in.key")} value=${value} onChange=${setValue} type="password" autocomplete="current-password" placeholder="mlt_…" required />
      <${CheckField} label=${t("sign_in.keep")} value=${keep} onChange=${setKeep} />
      <${Action} kind="primary" onClick=${check} disabled=${!value.trim()}>${t("sign_in.do")}<//>
      <p class="quiet">${t("sign_in.make")}</p><pre>ml-training keys create --role operator --name me</pre>
    </form>`;
}
