// The filters above a list. Each change is a new address, so that a link shows somebody else the same.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { go } from "../core/route.js";
import { t } from "../core/text.js";
import { SelectField, TextField } from "./fields.js";

const SETTLED_MILLISECONDS = 300; // not every letter that is typed is a request

/**
 * What sets a filter: set("status")("FAILED"). together: the filters that the service answers together, a list for each
 * way; those that do not go with the new one are taken away.
 */
export function useFilters(address, query, together) {
  return (name) => (value) => {
    const kept = value === "" ? { ...query } : { [name]: value };
    const fits = (other) => together.some((names) => [...Object.keys(kept), other].every((one) => names.includes(one)));
    for (const [other, old] of Object.entries(query)) if (other !== name && fits(other)) kept[other] = old;
    go(withQuery(address, { ...kept, [name]: value, cursor: "", ...(name === "q" && { name: "" }) }), { replace: true });
  };
}

/** The beginning of a name; it becomes part of the address when nothing more is typed. */
export function SearchField({ label, value = "", onChange }) {
  const [typed, setTyped] = useState(value);
  const told = useRef(value);
  const tell = useRef(onChange);
  tell.current = onChange; // the one that knows the other filters as they are when the time has come
  useEffect(() => {
    if (typed.trim() === told.current) return undefined;
    const timer = setTimeout(() => tell.current((told.current = typed.trim())), SETTLED_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [typed]);
  useEffect(() => {
    if (value === told.current) return; // else another filter has changed the address, or Back has
    told.current = value;
    setTyped(value);
  }, [value]);
  return html`<${TextField} label=${label} value=${typed} onChange=${setTyped} type="search" placeholder=${t("begins_with")} maxlength="100" />`;
}

/** The order of a list; with the beginning of a name it is that of the names. */
export const SortField = ({ query, onChange }) =>
  query.q
    ? html`<${SelectField} label=${t("sort")} value="" disabled options=${[["", t("sort.name")]]} />`
    : html`<${SelectField} label=${t("sort")} value=${query.sort} onChange=${onChange} options=${[["", t("sort.newest")], ["oldest", t("sort.oldest")]]} />`;
