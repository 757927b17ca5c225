// Small pieces that every page uses.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { Away } from "../core/api.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";

const SIGNS = { PENDING: "○", RUNNING: "◐", COMPLETED: "✓", FAILED: "✕", CANCELLED: "⊘", PROCESSING: "◐", READY: "✓", REJECTED: "✕" };

/** A status by sign, word and colour: colour alone tells some people nothing. */
export const Status = ({ value }) => html`<span class="status ${value.toLowerCase()}"><span aria-hidden="true">${SIGNS[value]}</span> ${t(`status.${value}`)}</span>`;

/** The title of a page, what leads back, and its commands. */
export function Head({ title, back, children }) {
  useEffect(() => {
    document.title = `${title} · ML Training`;
  }, [title]);
  return html`<header class="head">${back}<h1 tabindex="-1">${title}</h1><div class="commands">${children}</div></header>`;
}

export const Card = ({ title, children, wide, actions }) =>
  html`<section class=${wide ? "card wide" : "card"}>${(title || actions) && html`<div class="card-head"><h2>${title}</h2>${actions}</div>`}${children}</section>`;

/** Facts as a list of names and values: [[name, value], ...]; empty values are left out. */
export const Facts = ({ items }) =>
  html`<dl class="facts">${items
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** Why something did not work, and what to do: the API's own words, with the field each reason is about. */
export function ProblemBox({ problem, onRetry }) {
  if (!problem) return null;
  const away = problem instanceof Away;
  return html`<div class="problem" role="alert">
    <strong>${away ? t("problem.away") : problem.title || t("problem.title")}</strong>
    <p>${away ? t("problem.away_detail") : problem.detail || problem.message}</p>
    ${problem.errors?.length > 0 && html`<ul>${problem.errors.map((error) => html`<li><code>${error.pointer}</code> ${error.detail}</li>`)}</ul>`}
    ${problem.requestId && html`<p class="quiet">${t("problem.request", { id: problem.requestId })}</p>`}
    ${onRetry && html`<button onClick=${onRetry}>${t("again")}</button>`}
  </div>`;
}

/** The content of a resource once it is there; before, that it is loading; else the problem. */
export function Loaded({ resource, children }) {
  if (resource.data) return html`${resource.problem && html`<${ProblemBox} problem=${resource.problem} />`}${children(resource.data)}`;
  if (resource.problem) return html`<${ProblemBox} problem=${resource.problem} onRetry=${resource.reload} />`;
  return html`<p class="quiet" role="status">${t("loading")}</p>`;
}

/** A page about one thing: where that cannot be shown, the page still has a title. */
export function LoadedPage({ resource, children }) {
  const { data, problem } = resource;
  return html`${!data && problem && html`<${Head} title=${problem.title || t("problem.title")} />`}<${Loaded} resource=${resource}>${children}<//>`;
}

export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

export function Progress({ value, label }) {
  const share = Math.round(value * 100);
  return html`<div class="progress" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${share} aria-label=${label || t("progress")}>
    <div style=${{ width: `${share}%` }}></div><span>${format.percent(value)}</span>
  </div>`;
}

export const Warnings = ({ items }) =>
  items?.length > 0 &&
  html`<ul class="warnings">${items.map((item) => html`<li key=${item.pointer + item.code}><strong>${item.code}</strong> <code>${item.pointer}</code> ${item.detail}</li>`)}</ul>`;

/** A button that runs `onClick` once: further clicks do nothing until its end. It keeps the focus. A problem stands below it. */
export function Action({ children, onClick, confirm, kind = "", disabled }) {
  const [state, setState] = useState({ busy: false, problem: null });
  const isBusy = useRef(false);
  const run = async () => {
    if (isBusy.current || (confirm && !window.confirm(confirm))) return;
    isBusy.current = true;
    setState({ busy: true, problem: null });
    try {
      await onClick();
      setState({ busy: false, problem: null });
    } catch (problem) {
      setState({ busy: false, problem });
    } finally {
      isBusy.current = false;
    }
  };
  return html`<span class="action"><button class=${kind} onClick=${run} disabled=${disabled} aria-busy=${state.busy} aria-disabled=${state.busy || undefined}>${children}</button><${ProblemBox} problem=${state.problem} /></span>`;
}

/** A text that a click copies: the way to take it to a terminal. */
export function Copyable({ text, label }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return html`<div class="copyable"><pre tabindex="0" aria-label=${label}>${text}</pre>${navigator.clipboard && html`<button type="button" class="small" onClick=${copy}>${done ? t("copied") : t("copy")}</button>`}</div>`;
}

/** Tabs whose choice is part of the address: [[key, label, content], ...] */
export function Tabs({ items, chosen, onChoose }) {
  const current = items.find(([name]) => name === chosen) || items[0];
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const index = (items.indexOf(current) + step + items.length) % items.length;
    onChoose(items[index][0]);
    event.currentTarget.children[index].focus();
  };
  return html`<div class="tabs" role="tablist" onKeyDown=${move}>${items.map(
    ([name, label]) =>
      html`<button type="button" key=${name} role="tab" id=${`tab-${name}`} aria-selected=${name === current[0]} tabindex=${name === current[0] ? 0 : -1} onClick=${() => onChoose(name)}>${label}</button>`,
  )}</div><div role="tabpanel" aria-labelledby=${`tab-${current[0]}`}>${current[2]()}</div>`;
}
