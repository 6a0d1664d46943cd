// The page: its tabs, the line at the top, and what is said when the server is gone.

import * as api from "./api.js";
import { el, say, set } from "./dom.js";
import * as config from "./config.js";
import * as errors from "./errors.js";
import * as live from "./live.js";
import * as state from "./state.js";
import * as tasks from "./tasks.js";
import * as topology from "./topology.js";

const TABS = [
  { id: "live", name: "Live", module: live },
  { id: "topology", name: "Topology", module: topology },
  { id: "state", name: "State", module: state },
  { id: "tasks", name: "Tasks", module: tasks },
  { id: "errors", name: "Errors", module: errors },
  { id: "config", name: "Config", module: config },
];

const byId = (id) => document.getElementById(id);
const main = byId("main");
let shown = null;

function tabOf(hash) {
  return TABS.find(({ id }) => id === hash.replace(/^#\/?/, "").split("/")[0]);
}

function makeTabs() {
  const tabs = TABS.map(({ id, name }) => el("a", {
    id: `tab-${id}`, role: "tab", href: `#${id}`, "aria-controls": "main", "aria-selected": "false", tabindex: "-1", text: name,
  }));
  byId("tabs").append(...tabs);
  byId("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const place = { Home: 0, End: tabs.length - 1 }[event.key];
    const now = tabs.indexOf(document.activeElement);
    if ((step === undefined && place === undefined) || now < 0) {
      if (event.key === " " && now >= 0) {
        event.preventDefault();
        tabs[now].click();
      }
      return;
    }
    event.preventDefault();
    const next = tabs[place ?? (now + step + tabs.length) % tabs.length];
    next.focus();
    next.click();
  });
}

function show() {
  const tab = tabOf(location.hash) ?? TABS[0];
  if (shown?.tab === tab) return;
  shown?.stop?.();
  for (const { id } of TABS) {
    const element = byId(`tab-${id}`);
    set(element, "aria-selected", String(id === tab.id));
    set(element, "tabindex", id === tab.id ? "0" : "-1");
  }
  byId(`tab-${tab.id}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  set(main, "role", "tabpanel");
  set(main, "aria-labelledby", `tab-${tab.id}`);
  main.replaceChildren();
  const view = el("div", { class: `view ${tab.id}` });
  main.append(view);
  shown = { tab, stop: tab.module.show(view, { ...api, notice, counted }) };
}

/** Says something that everybody must know, or nothing. */
function notice(text) {
  const element = byId("notice");
  say(element, text ?? "");
  element.hidden = !text;
}

/** The number beside a tab's name. */
function counted(id, many) {
  const tab = byId(`tab-${id}`);
  const count = tab.querySelector(".count");
  if (!many) return count?.remove();
  if (count) return say(count, String(many));
  tab.append(el("span", { class: "count", text: String(many) }));
}

const LOOKS = { RUNNING: "good", REBALANCING: "warn", CREATED: "warn", DISCONNECTED: "warn", PENDING_SHUTDOWN: "warn" };

function showApplication(app) {
  say(byId("application"), app.application_id);
  document.title = `${app.application_id} · Millstream`;
  const badge = byId("app-state");
  say(badge, app.is_paused ? "PAUSED" : app.state);
  badge.className = `badge ${app.is_paused ? "warn" : LOOKS[app.state] ?? "bad"}`;
  say(byId("guarantee"), `${app.guarantee === "at_least_once" ? "at least once" : "exactly once"}${app.log ? ` on ${app.log}` : ""}`);
  notice(app.error ? `The application has ended: ${app.error}` : null);
}

/** Asks for the token, as often as it takes. */
function askForToken(wasWrong) {
  const dialog = byId("token");
  const text = byId("token-text");
  byId("token-wrong").hidden = !wasWrong;
  text.value = "";
  if (!dialog.open) dialog.showModal();
  dialog.oncancel = (event) => event.preventDefault();
  return new Promise((resolve) => {
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      resolve(text.value);
    };
  });
}

async function watchApplication(signal) {
  try {
    showApplication(await api.get("/api/app", signal));
    set(document.body, "class", null);
  } catch (error) {
    if (!(error instanceof api.Gone)) throw error;
    set(document.body, "class", "gone");
    say(byId("app-state"), "NOT REACHABLE");
    byId("app-state").className = "badge bad";
    notice("The server does not answer. What is shown may be old; this page goes on by itself when the server is back.");
  }
}

async function watchErrors(signal) {
  const { letters = [], total_is_exact: isExact } = await api.get("/api/dead-letters?limit=50", signal);
  counted("errors", isExact ? letters.length : `${letters.length}+`);
}

api.onToken(askForToken);
makeTabs();
window.addEventListener("hashchange", show);
show();
api.every(1000, watchApplication);
api.every(5000, watchErrors);
