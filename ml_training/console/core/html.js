// The one place that knows which library draws the pages.
import { Fragment, h, render, createContext } from "../vendor/preact.js";
import { useContext, useEffect, useMemo, useRef, useState, useCallback } from "../vendor/preact-hooks.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { Fragment, render, createContext, useContext, useEffect, useMemo, useRef, useState, useCallback };
