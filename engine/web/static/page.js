"use strict";
// Live updates, the reader's zone, keys. Everything works without this file; text is only ever set as text.

const FIRST_WAIT = 1000, LONGEST_WAIT = 30000, REST = 1500;

/** Show each instant in the reader's zone; its text in the job's zone stays as the title. */
function showTimes(root) {
  const form = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", timeZoneName: "short",
  });
  for (const one of root.querySelectorAll("time[datetime]")) {
    const at = new Date(one.dateTime);
    if (!Number.isNaN(at.getTime())) one.textContent = form.format(at);
  }
}

/** Fetch this page again and replace its live part. */
async function refresh() {
  const old = document.getElementById("live");
  if (!old || old.contains(document.activeElement)?.form) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
  showStale(answer.status === 503); // the ledger cannot be reached, and what is shown is old
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const id of ["live", "corner", "asof"]) {
    const now = document.getElementById(id), next = page.getElementById(id);
    if (now && next && now.innerHTML !== next.innerHTML) {
      now.replaceWith(document.adoptNode(next));
      showTimes(document.getElementById(id));
      if (window.htmx) window.htmx.process(document.getElementById(id));
    }
  }
}

/** Say since when the page is old, or no longer. */
function showStale(isStale) {
  const note = document.getElementById("stale");
  if (isStale && note.hidden) note.textContent = "stale since " + new Date().toLocaleTimeString();
  note.hidden = !isStale;
}

/** One connection a tab: the server says that something changed, and the page asks what. */
function listen() {
  let wait = FIRST_WAIT, due = null, source = null;
  const later = () => { due ??= setTimeout(() => { due = null; refresh().catch(() => {}); }, REST * (0.5 + Math.random())); };
  const open = () => {
    source = new EventSource("/live");
    source.addEventListener("changed", () => { if (!document.hidden) later(); });
    source.onopen = () => { wait = FIRST_WAIT; showStale(false); later(); };
    source.onerror = () => {
      source.close();
      showStale(true);
      setTimeout(open, wait * (0.5 + Math.random()));
      wait = Math.min(LONGEST_WAIT, wait * 2);
    };
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) later(); });
  open();
}

/** `/` searches, `g` and a letter opens a page, `?` shows the keys. */
function keys() {
  let isGoing = false;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (isGoing) {
      isGoing = false;
      const link = document.querySelector(`#keys a[data-key="${CSS.escape(event.key)}"]`);
      if (link) { event.preventDefault(); link.click(); }
    } else if (event.key === "g") {
      isGoing = true;
    } else if (event.key === "/") {
      const box = document.querySelector("input[type=search]");
      if (box) { event.preventDefault(); box.focus(); }
    } else if (event.key === "?") {
      const help = document.getElementById("keys");
      if (help) { event.preventDefault(); help.togglePopover(); }
    }
  });
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (!question) return;
  const sure = event.target.elements.sure; // without script the server asks on a page of its own
  if (!window.confirm(question)) event.preventDefault();
  else if (sure) sure.value = "1";
});
document.addEventListener("htmx:afterSwap", (event) => showTimes(event.target));

/** A reader at the end of a log that is followed stays at its end; one who reads further up stays there. */
let isAtEnd = false;
document.addEventListener("htmx:beforeSwap", () => { isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 40; });
document.addEventListener("htmx:afterSettle", () => { if (isAtEnd && document.querySelector("[data-follow]")) scrollTo(0, document.body.scrollHeight); });

/** The code of `jobfile ui` is in the fragment, which no server and no log sees. */
function signIn() {
  const form = document.getElementById("login"), code = location.hash.match(/^#code=([A-Za-z0-9_-]+)$/);
  if (!form || !code) return;
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.code.value = code[1];
  form.submit();
}

/** A page whose address names no zone is asked for again in the reader's, so that its address has all of it. */
function askInZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone, here = new URL(location.href);
  if (!document.body.hasAttribute("data-zone") || !zone || zone === "UTC" || here.searchParams.has("zone")) return;
  here.searchParams.set("zone", zone);
  location.replace(here);
}

askInZone();
showTimes(document);
signIn();
keys();
if (document.body.hasAttribute("data-live") && window.EventSource) listen();
