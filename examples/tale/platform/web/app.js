"use strict";
const $ = (selector) => document.querySelector(selector);
const make = (tag, text, attributes = {}) => Object.assign(document.createElement(tag), { textContent: text, ...attributes });
const shade = (color) => `var(--${["blue", "green"].includes(color) ? color : "plain"})`;

const named = ({ color, release }) => (color === "plain" ? "plain stack" : `release ${release}, ${color}`);

function serving({ color, release }) {
  document.body.dataset.color = ["blue", "green"].includes(color) ? color : "plain";
  $("#serving").textContent = named({ color, release });
}

async function ask(question) {
  const answer = await fetch(`/ask?q=${encodeURIComponent(question)}`);
  const content = await answer.json().catch(() => ({ error: `status ${answer.status}` }));
  $("#answer").hidden = false;
  if (content.error) { $(".text").textContent = `No answer: ${content.error}`; return; }
  serving(content.served_by);
  show(content);
}

function show({ answer, sources, found, way, related, crawled, served_by }) {
  $(".text").textContent = answer;
  $(".served").replaceChildren("Answered by ", make("b", named(served_by)));
  $(".sources").replaceChildren(...sources.map(({ url, title }) => {
    const item = make("li", "");
    item.append(make("a", title, { href: url }));
    return item;
  }));
  const links = (pages, between) => pages.flatMap(({ id, label }, place) =>
    [place ? between : "", make("a", label, { href: id })]);
  $(".way").replaceChildren(...(way.length > 1 ? links(way, " → ") : []));
  $(".found").replaceChildren(...found.map(hit));
  const when = crawled ? new Date(crawled.ended).toLocaleTimeString("en-GB") : "not yet";
  $(".foot").replaceChildren("Near it: ", ...links(related, ", "), `. Pages last read: ${when}.`);
}

function hit({ url, title, headline }) {
  const item = make("li", ""), text = make("small", "");
  item.append(make("a", title, { href: url }), text);
  for (const [place, part] of headline.split(/\[\[|\]\]/).entries()) text.append(place % 2 ? make("mark", part) : part);
  return item;
}

function listen() {
  const stream = new EventSource("/events");
  stream.onopen = () => $("#live").classList.add("on");
  stream.onerror = () => $("#live").classList.remove("on"); // the browser comes again by itself
  stream.onmessage = ({ data }) => {
    const event = JSON.parse(data), item = make("li", `${new Date(event.time * 1000).toLocaleTimeString("en-GB")}  `);
    item.append(make("b", named(event), { style: `color: ${shade(event.color)}` }), `  event ${event.number}`);
    serving(event);
    $("#events").prepend(item);
    while ($("#events").children.length > 8) $("#events").lastChild.remove();
  };
}

async function draw() {
  const rows = await (await fetch("/metrics")).json().catch(() => []);
  const slots = 60, now = Math.floor(Date.now() / 5000), totals = new Map(), bars = [];
  for (const row of rows) {
    const slot = slots - 1 - (now - row.second / 5), below = totals.get(slot) ?? 0;
    bars.push({ slot, below, ...row });
    totals.set(slot, below + row.requests);
  }
  const most = Math.max(1, ...totals.values());
  $("#chart").innerHTML = '<line x1="0" x2="300" y1="89.5" y2="89.5" stroke="var(--line)"/>' + bars.map(({ slot, below, requests, color }) =>
    `<rect x="${slot * 5 + 0.5}" width="4" y="${89 - (below + requests) / most * 84}" height="${requests / most * 84}" fill="${shade(color)}"/>`).join("");
  const sum = rows.reduce((total, { requests }) => total + requests, 0), failed = rows.reduce((total, row) => total + row.failed, 0);
  const releases = [...new Set(rows.map(named))];
  if (sum) $("#legend").textContent = `${sum} requests, ${failed} failed; ${releases.join(" and ")}. At most ${Math.round(most / 5 * 10) / 10} a second.`;
}

$("#ask").addEventListener("submit", (event) => { event.preventDefault(); ask($("#question").value); });
for (const hint of document.querySelectorAll(".hints button"))
  hint.addEventListener("click", () => { $("#question").value = hint.textContent; ask(hint.textContent); });
listen();
ask($("#question").value);
draw();
setInterval(draw, 5000);
