// Where the keyboard is: on the heading of a page that has been opened, and never nowhere.
let place = []; // what has the focus, and what it is in, from the inside to the outside
let opened = null; // since a page was opened, and until its heading is there: what had the focus then

/** Called once. What is removed while it has the focus would leave the next Tab to start at the top of the page. */
export function keepFocus(root) {
  addEventListener("focusin", ({ target }) => {
    place = [];
    for (let one = target; one && one !== root; one = one.parentElement) place.push(one);
  });
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
}

/** A page has been opened: its heading gets the focus as soon as it is there, unless the user has gone on by then. */
export function focusHeading() {
  opened = document.activeElement;
  look();
}

function look() {
  const active = document.activeElement;
  const isNowhere = active === null || active === document.body;
  if (opened !== null && !isNowhere && active !== opened) opened = null;
  if (opened !== null) {
    const heading = document.querySelector("main h1");
    if (!heading) return;
    opened = null;
    focus(heading);
  } else if (isNowhere && place.length && !place[0].isConnected) {
    const rest = place.find((one) => one.isConnected) ?? document.querySelector("main");
    focus(rest.localName === "main" ? (rest.querySelector("h1") ?? rest) : rest);
  }
}

// Not a control: who pressed Enter twice must not press another button.
function focus(element) {
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
