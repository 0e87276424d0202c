// Puts what the server sends in its place, and lets ages count on. Without it the page loads anew by itself.
"use strict";
(() => {
  const stream = document.getElementById("stream");
  const live = document.getElementById("live");
  let ahead = stream && stream.dataset.now ? Number(stream.dataset.now) - Date.now() / 1000 : 0; // the server's clock
  let source = null;

  const said = (seconds) => { // as teal.core.model.duration.said
    if (seconds < 10) return `${seconds.toFixed(1)} s`;
    const whole = Math.round(seconds);
    if (whole < 120) return `${whole} s`;
    const minutes = Math.floor(whole / 60);
    if (whole < 7200) return `${minutes} min` + (whole % 60 && whole < 600 ? ` ${whole % 60} s` : "");
    const hours = Math.floor(whole / 3600);
    if (whole < 172800) return `${hours} h` + (hours < 10 ? ` ${Math.floor((whole % 3600) / 60)} min` : "");
    return `${Math.floor(whole / 86400)} days`;
  };

  const tick = () => {
    const now = Date.now() / 1000 + ahead;
    for (const each of document.querySelectorAll("time[data-since]")) {
      const text = said(Math.max(0, Math.round(now - Number(each.dataset.since))));
      if (each.textContent !== text) each.textContent = text;
    }
  };

  // Changes only what differs: what is focused, open or scrolled stays so.
  const morph = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    children(old, fresh);
  };
  const children = (old, fresh) => {
    const had = [...old.childNodes], has = [...fresh.childNodes];
    has.forEach((each, at) => (at < had.length ? morph(had[at], each) : old.append(each)));
    had.slice(has.length).forEach((each) => each.remove());
  };

  // What a screen reader is told when it changes: what serves, and the step at hand without its seconds.
  const spoken = (place) => {
    const found = place.querySelector("h1, .run.now .steps .now .said");
    return found ? found.textContent.replace(/\s+/g, " ").trim() : "";
  };

  const lost = (is, forGood = false) => {
    if (!live) return;
    live.hidden = false;
    live.classList.toggle("lost", is);
    live.textContent = forGood ? "no connection: load this page anew" : is ? "no connection" : "live";
  };

  const open = () => {
    if (!stream || source || document.hidden) return;
    source = new EventSource(stream.dataset.events);
    source.onopen = () => lost(false);
    source.onerror = () => lost(true, source?.readyState === EventSource.CLOSED);
    source.addEventListener("part", (event) => {
      const { id, html, at } = JSON.parse(event.data);
      ahead = at - Date.now() / 1000;
      const place = document.getElementById(`part-${id}`);
      if (!place) return;
      const fresh = document.createElement("div");
      fresh.innerHTML = html; // the server has escaped every text in it; the policy runs no script that is not its own
      const before = spoken(place);
      children(place, fresh);
      tick();
      const now = spoken(place);
      if (now && now !== before) document.getElementById("say").textContent = now;
    });
  };
  const close = () => { source?.close(); source = null; };

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  for (const each of document.querySelectorAll("pre.log")) each.scrollTop = each.scrollHeight; // the newest is last
  setInterval(tick, 1000);
  tick();
  open();
})();
