// What a form sends, so that the same can be done from a terminal or a program.
import { html, useState } from "../core/html.js";
import { t } from "../core/text.js";
import { Copyable, Tabs } from "../parts/basics.js";
import { Field } from "../parts/fields.js";

export function Sent({ spec }) {
  const [tab, setTab] = useState("json");
  const show = (label, text) => () => html`<${Copyable} label=${label} text=${text} />`;
  return html`<details class="more"><summary>${t("form.sent")}</summary><${Tabs} chosen=${tab} onChoose=${setTab} items=${[
    ["json", "JSON", show("JSON", JSON.stringify(spec, null, 2))],
    ["curl", "curl", show("curl", asCurl(spec))],
    ["python", "Python", show("Python", asPython(spec))],
  ]} /></details>`;
}

function asCurl(spec) {
  const body = JSON.stringify(spec, null, 1).replaceAll("'", "'\\''");
  return `curl -X POST ${location.origin}/api/v1/jobs \\\n  -H "Authorization: Bearer $ML_TRAINING_API_KEY" \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`;
}

function asPython(spec) {
  return `from ml_training.client import Client\n\nclient = Client("${location.origin}")\njob = client.jobs.submit(\n${pythonOf(spec, 1)}\n).wait()\nprint(job.status, job.result)`;
}

function pythonOf(value, depth) {
  const pad = "    ".repeat(depth);
  if (value === null) return `${depth === 1 ? pad : ""}None`;
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map((one) => pythonOf(one, depth + 1)).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const lines = Object.entries(value).filter(([, one]) => one !== undefined).map(([name, one]) => `${pad}    ${JSON.stringify(name)}: ${pythonOf(one, depth + 1)},`);
  return `${depth === 1 ? pad : ""}{\n${lines.join("\n")}\n${pad}}`;
}

/** Fields that the form has no control for, such as the rows of a PREDICT: kept as they are, and editable as JSON. */
export function OtherFields({ form, names }) {
  const [problem, setProblem] = useState("");
  if (!names.length) return null;
  const others = Object.fromEntries(names.map((name) => [name, form.spec[name]]));
  const change = (event) => {
    try {
      const read = JSON.parse(event.target.value);
      if (read === null || typeof read !== "object" || Array.isArray(read)) throw new Error(t("form.other_object"));
      setProblem("");
      form.replaceOthers(names, read);
    } catch (error) {
      setProblem(error.message);
    }
  };
  return html`<details class="more"><summary>${t("form.others", { names: names.join(", ") })}</summary>
    <${Field} label=${t("form.others_json")} hint=${t("form.others_hint")} problem=${problem || undefined}>${(ids) => html`<textarea rows="10" spellcheck=${false} class="code" onBlur=${change} ...${ids}>${JSON.stringify(others, null, 2)}</textarea>`}<//></details>`;
}
