"use strict";
(() => {
  const themes = JSON.parse(document.getElementById("themes").textContent);
  const root = document.documentElement;
  const media = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const theme = () => {
    if (printing) return "light";
    return root.dataset.theme || (media.matches ? "dark" : "light");
  };
  const drawn = new Map();

  // --- charts: drawn when they are about to be seen -------------------------------------------

  const chartOf = (key) => JSON.parse(document.getElementById("data-" + key).textContent);
  const rowsOf = (columns) =>
    columns.rows.map((row) => Object.fromEntries(columns.names.map((name, i) => [name, row[i]])));

  async function draw(place) {
    const key = place.dataset.chart;
    if (drawn.has(place)) return drawn.get(place);
    const chart = chartOf(key);
    const datasets = {};
    for (const [name, columns] of Object.entries(chart.data)) datasets[name] = rowsOf(columns);
    const spec = {
      ...chart.spec, datasets, width: "container", description: chart.description,
      autosize: { type: "fit-x", contains: "padding" },
    };
    const embedded = vegaEmbed(place, spec, {
      mode: "vega-lite", actions: false, renderer: "svg", ast: true, defaultStyle: false,
      config: themes[theme()], tooltip: { disableDefaultStyle: true },
    });
    drawn.set(place, embedded);
    return embedded;
  }

  async function undraw(place) {
    const embedded = drawn.get(place);
    drawn.delete(place);
    if (embedded) (await embedded).finalize();
  }

  const failed = (place) => (error) => {
    place.textContent = "This chart could not be drawn: its values stand below as a table.";
    console.error(error);
  };
  const places = [...document.querySelectorAll(".chart")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) draw(entry.target).catch(failed(entry.target));
    }
  }, { rootMargin: "400px" });
  places.forEach((place) => seen.observe(place));

  // The rest while there is nothing else to do, so that a picture of the whole page is complete. What
  // is folded away waits until it is opened, or printed.
  const idle = window.requestIdleCallback || ((next) => setTimeout(next, 50));
  async function drawRest() {
    for (const place of places.filter((one) => !one.closest("details:not([open])"))) {
      await new Promise((resolve) => { idle(resolve); });
      if (!drawn.has(place)) await draw(place).catch(failed(place));
    }
  }
  drawRest();

  // What was folded, unfolded for a printer, and folded again behind it.
  let unfolded = [];
  function unfold() {
    const closed = [...document.querySelectorAll("details:not([open]):not(.values)")];
    closed.forEach((one) => { one.open = true; });
    unfolded.push(...closed);
  }

  async function drawAll() {
    unfold();
    await Promise.all(places.map((place) => draw(place).catch(failed(place))));
  }
  window.harnessDrawAll = drawAll;
  window.addEventListener("beforeprint", () => {
    const dark = theme() === "dark";
    printing = true;
    if (dark) [...drawn.keys()].forEach(undraw);  // they are forgotten at once, and drawn anew
    drawAll();
  });
  window.addEventListener("afterprint", () => {
    printing = false;
    unfolded.forEach((one) => { one.open = false; });
    unfolded = [];
    if (theme() === "dark") redraw();
  });

  async function redraw() {
    for (const place of [...drawn.keys()]) {
      await undraw(place);
      seen.unobserve(place);
      seen.observe(place);
    }
    drawRest();
  }

  // --- a section that is asked for is unfolded -----------------------------------------------------

  function show(hash) {
    const asked = hash.length > 1 && document.getElementById(decodeURIComponent(hash.slice(1)));
    for (let at = asked; at; at = at.parentElement) if (at.localName === "details") at.open = true;
    const inside = asked && asked.querySelector(":scope > details.subject");
    if (inside) inside.open = true;
    if (asked) asked.scrollIntoView();
  }
  document.querySelectorAll("nav a").forEach((link) => {
    link.addEventListener("click", () => show(link.hash));
  });
  window.addEventListener("hashchange", () => show(location.hash));
  if (location.hash) show(location.hash);

  // --- themes ------------------------------------------------------------------------------------

  const button = document.getElementById("theme");
  const label = () => { button.textContent = theme() === "dark" ? "Light colours" : "Dark colours"; };
  button.hidden = false;
  label();
  button.addEventListener("click", () => {
    root.dataset.theme = theme() === "dark" ? "light" : "dark";
    try { localStorage.setItem("harness-theme", root.dataset.theme); } catch { /* not kept */ }
    label();
    redraw();
  });
  media.addEventListener("change", () => { label(); redraw(); });

  // --- tables that sort --------------------------------------------------------------------------

  const SIZES = {
    us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600,
    B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, "%": 1,
  };
  function valueOf(text) {
    const found = /^[^\d-]*(-?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s*([A-Za-z%]*)/.exec(text.trim());
    return found ? Number(found[1].replaceAll(",", "")) * (SIZES[found[2]] ?? 1) : NaN;
  }
  function compare(one, other, numeric) {
    if (!numeric) return one.localeCompare(other, "en", { numeric: true });
    const [a, b] = [valueOf(one), valueOf(other)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return a - b;
  }
  function sort(table, column, head) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("thead th").forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const numeric = head.dataset.kind !== "text";
    for (const body of table.tBodies) {
      const groups = [];
      for (const row of [...body.rows].filter((one) => !one.classList.contains("section"))) {
        if (row.classList.contains("part") && groups.length) groups.at(-1).push(row);
        else groups.push([row]);
      }
      const text = (group) => group[0].cells[column].textContent;
      const known = (group) => !numeric || !Number.isNaN(valueOf(text(group)));
      // What has no figure stays last, whichever way the others are sorted.
      groups.sort((a, b) => known(b) - known(a) || (up ? 1 : -1) * compare(text(a), text(b), numeric));
      body.append(...groups.flat());
    }
  }
  function sortable(table) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(table, column, head));
    });
  }
  document.querySelectorAll("table.figures").forEach(sortable);

  // --- a chart's values as a table: made when somebody asks for it ----------------------------------

  const shown = (value) =>
    value === null ? "" : typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value);
  function valuesTable(key, title) {
    const chart = chartOf(key);
    const columns = chart.data[chart.shown];
    const fields = Object.keys(chart.heads);
    const table = document.createElement("table");
    table.className = "figures";
    table.createCaption().textContent = title;
    const head = table.createTHead().insertRow();
    const isText = (field) => rowsOf(columns).some((row) => typeof row[field] === "string");
    for (const field of fields) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = chart.heads[field];
      if (isText(field)) { cell.dataset.kind = "text"; cell.className = "words"; }
      head.append(cell);
    }
    const body = table.createTBody();
    for (const row of rowsOf(columns)) {
      const line = body.insertRow();
      for (const field of fields) {
        const cell = line.insertCell();
        cell.textContent = shown(row[field]);
        if (typeof row[field] === "string") cell.className = "words";
      }
    }
    sortable(table);
    return table;
  }
  document.querySelectorAll("details.values").forEach((details) => {
    details.addEventListener("toggle", () => {
      if (!details.open || details.querySelector("table")) return;
      const title = details.closest("figure").querySelector("figcaption").textContent;
      const scroll = document.createElement("div");
      scroll.className = "scroll";
      scroll.tabIndex = 0;
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-label", title);
      scroll.append(valuesTable(details.dataset.values, title));
      details.append(scroll);
    });
  });
})();
