// What pulse shows above its tiles: whether its numbers are right, its buttons, and what it recommends.
//
// The dashboard calls `show(element, api)` once. Everything is asked of `GET /pulse` and `GET /recommend/..`, and changed in
// place, so that nothing flickers and the focus stays where it is.

const EVERY_MS = 500;
const RECOMMEND_EVERY_MS = 2000;
const NEWS = 4;

export function show(element, api) {
  if (!document.getElementById("pulse-style")) {
    document.head.append(make("link", { id: "pulse-style", rel: "stylesheet", href: "/pulse/panel.css" }));
  }
  const view = build(element, (action) => press(api, action, view));
  const recommend = () => recommendations(view, api);
  keepAsking(element, EVERY_MS, async () => update(view, await api.get("/pulse")), () => lost(view));
  keepAsking(element, RECOMMEND_EVERY_MS, recommend, () => {});
  for (const input of [view.visitor, view.product]) {
    input.addEventListener("change", () => recommend().catch(() => {}));
  }
}

// Until the panel is taken from the page, because another tab is shown.
function keepAsking(element, everyMs, work, failed) {
  const step = async () => {
    if (!element.isConnected) return;
    try {
      if (!document.hidden) await work();
    } catch {
      failed();
    }
    setTimeout(step, everyMs);
  };
  step();
}

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

function build(element, act) {
  const text = (className) => make("span", { className });
  const button = (action, label) => {
    const node = make("button", { type: "button", textContent: label });
    node.addEventListener("click", () => act(node.dataset.action));
    node.dataset.action = action;
    return node;
  };
  const view = {
    verdict: make("strong", { className: "pulse-verdict", role: "status" }),
    checked: text("pulse-figure"),
    traffic: text("pulse-figure"),
    second: button("start-second", "Start a second instance"),
    poison: button("poison", "Poison 5 records"),
    double: button("double", "Double the traffic"),
    instances: make("div", { className: "pulse-instances" }),
    letters: text("pulse-figure"),
    bots: text("pulse-figure"),
    rates: text("pulse-figure"),
    visitor: make("input", { type: "number", min: "0", value: "1001", id: "pulse-visitor" }),
    visitorList: make("ol"),
    visitorWhy: make("p"),
    product: make("select", { id: "pulse-product" }),
    productList: make("ol"),
    news: make("ul", { className: "pulse-news" }),
  };
  const card = (title, ...children) =>
    make("section", { className: "pulse-card" }, make("h2", { textContent: title }), ...children);
  const label = (words, input) => make("label", { htmlFor: input.id }, words, " ", input);
  const run = card("The numbers", make("p", {}, view.verdict), make("p", {}, view.checked), make("p", {}, view.traffic));
  const play = card(
    "Try it",
    make("p", { className: "pulse-buttons" }, view.second, view.poison, view.double),
    view.instances,
    make("p", {}, view.letters),
  );
  const found = card("What it finds out", make("p", {}, view.bots), make("p", {}, view.rates));
  const next = card("What to show next", label("to visitor", view.visitor), view.visitorList, view.visitorWhy);
  const also = card("Also viewed", label("after", view.product), view.productList);
  element.replaceChildren(make("div", { className: "pulse-panel" }, run, play, found, next, also), view.news);
  return view;
}

async function press(api, action, view) {
  try {
    await api.post(`/pulse/${action}`);
    update(view, await api.get("/pulse"));
  } catch (error) {
    set(view.letters, error.message);
  }
}

// Says the same only once: a screen reader is told of changes alone.
function set(node, words) {
  if (node.textContent !== words) node.textContent = words;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const many = (count, word, words) => `${whole.format(count)} ${count === 1 ? word : words}`;
// A key that is long must not push everything else away.
const short = (text) => (text.length > 120 ? `${text.slice(0, 60)} … ${text.slice(-50)}` : text);
const percent = new Intl.NumberFormat("en", { style: "percent" });

function update(view, status) {
  const { check, bots, recommendations: rates, instances } = status;
  const isWrong = check.wrong > 0;
  set(view.verdict, isWrong ? `${many(check.wrong, "number is", "numbers are")} WRONG` : "All numbers are right");
  view.verdict.dataset.state = isWrong ? "wrong" : "right";
  const behind = check.behind > 0 ? `; ${whole.format(check.behind)} still to come` : "";
  const right = `${whole.format(check.windows)} windows and ${whole.format(check.sessions)} sessions checked${behind}`;
  set(view.checked, isWrong ? check.examples.map(short).join("; ") : right);
  const { events, out_of_order: early, too_late: late } = status;
  const order = `${whole.format(early)} of them out of order, ${whole.format(late)} too late`;
  set(view.traffic, `${whole.format(status.events_per_second)} events a second, ${whole.format(events)} in all, ${order}`);

  const hasSecond = instances.length > 1;
  view.second.dataset.action = hasSecond ? "kill-second" : "start-second";
  set(view.second, hasSecond ? "Kill the second instance" : "Start a second instance");
  set(view.double, status.is_doubled ? "Halve the traffic" : "Double the traffic");
  set(view.letters, many(status.dead_letters, "dead letter", "dead letters"));
  updateInstances(view.instances, instances, status.tasks);

  const noticed = `${bots.noticed} of ${many(bots.attacks, "attack", "attacks")} of bots noticed, after ${one.format(bots.slowest_seconds)} s at most`;
  set(view.bots, bots.attacks > 0 ? `${noticed}; ${many(bots.false_alarms, "false alarm", "false alarms")}` : "The first bot comes after 20 seconds");
  set(view.rates, rates ? hits(rates) : "The recommendations are being learned");
  updateList(view.news, status.news.slice(-NEWS), "li");
}

function hits({ recommended, most_popular: popular }) {
  const times = popular > 0 ? `, ${one.format(recommended / popular)} times as good` : "";
  return `${percent.format(recommended)} of the products viewed next were among the ten recommended, `
    + `${percent.format(popular)} among the ten most popular${times}`;
}

function updateInstances(parent, instances, tasks) {
  while (parent.children.length > instances.length) parent.lastChild.remove();
  instances.forEach(({ url, running }, number) => {
    let row = parent.children[number];
    if (!row) {
      row = make("p", {}, make("a", { target: "_blank", rel: "noopener" }), " ", make("span"), " ", make("progress"));
      parent.append(row);
    }
    const [link, words, bar] = row.children;
    set(link, `instance ${number + 1}`);
    if (link.href !== `${url}/`) link.href = url;
    bar.max = Math.max(tasks, 1);
    bar.value = running;
    bar.ariaLabel = `tasks of instance ${number + 1} that run`;
    set(words, `${running} of ${tasks} tasks`);
  });
}

function updateList(list, lines, name) {
  while (list.children.length > lines.length) list.lastChild.remove();
  lines.forEach((line, number) => {
    if (!list.children[number]) list.append(make(name));
    set(list.children[number], line);
  });
}

async function recommendations(view, api) {
  if (view.product.options.length === 0) await products(view, api);
  const visitor = Math.trunc(Number(view.visitor.value));
  if (view.visitor.value !== "" && visitor >= 0) {
    const { because, recommended } = await api.get(`/recommend/user/${visitor}`);
    updateList(view.visitorList, recommended.slice(0, 5).map(({ page }) => page), "li");
    set(view.visitorWhy, because === "popular" ? "Nothing viewed yet: the most popular" : "");
  }
  const page = view.product.value;
  if (page) {
    const { also_viewed: also } = await api.get(`/recommend/after?page=${encodeURIComponent(page)}`);
    updateList(view.productList, also.slice(0, 5).map(({ page, times }) => `${page} (${whole.format(times)})`), "li");
  }
}

async function products(view, api) {
  const { rows } = await api.get("/api/stores/page-totals?prefix=%2Fproducts%2F&limit=200");
  view.product.append(...rows.map(({ key }) => make("option", { value: key, textContent: key })));
}

function lost(view) {
  set(view.verdict, "Pulse does not answer");
  view.verdict.dataset.state = "lost";
}
