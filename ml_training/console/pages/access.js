// Keys, projects and the audit, for those whose role allows it.
import { html, useState } from "../core/html.js";
import { send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Copyable, Head, Loaded } from "../parts/basics.js";
import { NumberField, SelectField, TextField } from "../parts/fields.js";
import { List, Table } from "../parts/table.js";

const ROLES = ["viewer", "submitter", "operator", "admin"];

export function AccessPage({ query }) {
  return html`<${Head} title=${t("nav.access")} /><${Keys} /><${Projects} />
    <${Card} title=${t("access.audit")} wide><${List} path="/audit" address="/access" query=${query} label=${t("access.audit")} file="audit" empty=${t("none")} columns=${auditColumns()} /><//>`;
}

function Keys() {
  const resource = useResource("/keys?limit=50");
  const [made, setMade] = useState(null);
  const create = async (wanted) => {
    setMade(await send("POST", "/keys", wanted));
    resource.reload();
  };
  return html`<${Card} title=${t("access.keys")} wide>
    <p class="quiet">${t("access.explain")}</p>
    ${made && html`<div class="made" role="alert"><p>${t("access.made")}</p><${Copyable} label=${t("access.keys")} text=${made.key} /></div>`}
    <${NewKey} onCreate=${create} />
    <${Loaded} resource=${resource}>${(page) => html`<${Table} label=${t("access.keys")} rows=${page.items} columns=${keyColumns(resource.reload)} />`}<//><//>`;
}

function NewKey({ onCreate }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState("submitter");
  const [project, setProject] = useState("");
  const create = async () => {
    await onCreate({ name, role, ...(project && { project }) });
    setName("");
  };
  return html`<div class="filters"><${TextField} label=${t("access.name")} value=${name} onChange=${setName} />
    <${SelectField} label=${t("access.role")} value=${role} onChange=${setRole} options=${ROLES.map((one) => [one, one])} />
    <${TextField} label=${t("access.project")} value=${project} onChange=${setProject} placeholder="default" />
    <${Action} kind="primary" disabled=${!name} onClick=${create}>${t("access.create")}<//></div>`;
}

function keyColumns(reload) {
  const revoke = (key) => () => send("DELETE", `/keys/${key.id}`).then(reload);
  const isOver = (key) => key.revoked_at || (key.expires_at && new Date(key.expires_at) < new Date());
  return [
    { title: t("access.name"), cell: (key) => key.name },
    { title: t("access.role"), cell: (key) => key.role },
    { title: t("access.project"), cell: (key) => key.project },
    { title: t("access.last_used"), cell: (key) => format.time(key.last_used_at) },
    { title: t("access.expires"), cell: (key) => format.time(key.expires_at) },
    { title: t("access.do"), cell: (key) => (isOver(key) ? html`<span class="quiet">${t("access.over")}</span>` : html`<${Action} kind="danger" confirm=${t("access.revoke_confirm", { name: key.name })} onClick=${revoke(key)}>${t("access.revoke")}<//>`) },
  ];
}

function Projects() {
  const resource = useResource("/projects?limit=50", { kinds: ["job"] });
  const [name, setName] = useState("");
  const create = async () => {
    await send("POST", "/projects", { name });
    setName("");
    resource.reload();
  };
  return html`<${Card} title=${t("access.projects")} wide>
    <div class="filters"><${TextField} label=${t("access.name")} value=${name} onChange=${setName} /><${Action} kind="primary" disabled=${!name} onClick=${create}>${t("access.create_project")}<//></div>
    <${Loaded} resource=${resource}>${(page) => page.items.map((project) => html`<${Project} key=${project.id} project=${project} reload=${resource.reload} />`)}<//><//>`;
}

function Project({ project, reload }) {
  const [quotas, setQuotas] = useState(project.quotas);
  const save = () => send("PATCH", `/projects/${project.id}`, { quotas }).then(reload);
  return html`<details><summary>${project.name} <span class="quiet">${Object.entries(project.usage).map(([name, value]) => `${name} ${name.includes("bytes") ? format.bytes(value) : format.number(value)}`).join(" · ")}</span></summary>
    <div class="filters">${Object.keys(project.quotas).map((name) => html`<${NumberField} key=${name} label=${name} value=${quotas[name]} placeholder=${t("access.no_limit")} onChange=${(value) => setQuotas({ ...quotas, [name]: value })} />`)}
      <${Action} kind="primary" onClick=${save}>${t("save")}<//></div></details>`;
}

const auditColumns = () => [
  { title: t("access.at"), cell: (entry) => format.time(entry.at), text: (entry) => entry.at },
  { title: t("access.action"), cell: (entry) => entry.action, text: (entry) => entry.action },
  { title: t("access.outcome"), cell: (entry) => entry.outcome, text: (entry) => entry.outcome },
  { title: t("access.subject"), cell: (entry) => format.any(entry.subject_ids), text: (entry) => JSON.stringify(entry.subject_ids) },
  { title: t("access.key"), cell: (entry) => format.any(entry.key_id), text: (entry) => entry.key_id },
  { title: t("access.address"), cell: (entry) => format.any(entry.address), text: (entry) => entry.address },
];
