"use strict";
// Everything on the page is readable without this; it adds sorting, the colour theme and where one is in the contents.
(() => {
  const root = document.documentElement, theme = document.getElementById("theme");
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const named = () => { theme.textContent = dark() ? "Light" : "Dark"; };
  const keep = (name) => { try { localStorage.setItem("theme", name); } catch { /* a page from a file may not store */ } };
  try { if (["light", "dark"].includes(localStorage.getItem("theme"))) root.dataset.theme = localStorage.getItem("theme"); } catch { /* as above */ }
  theme.hidden = false; named();
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; keep(root.dataset.theme); named(); });

  const contents = document.getElementById("contents");
  if (matchMedia("(max-width: 60rem)").matches) contents.open = false;
  const links = new Map([...contents.querySelectorAll("a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    links.forEach((a) => { a.classList.remove("here"); a.removeAttribute("aria-current"); });
    const link = links.get(entry.target.id); link.classList.add("here"); link.setAttribute("aria-current", "location");
  }), { rootMargin: "-10% 0px -75% 0px" });
  links.forEach((_, id) => { const target = document.getElementById(id); if (target) seen.observe(target); });

  const opened = () => { const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (target) target.scrollIntoView(); };
  addEventListener("hashchange", opened); opened();
  addEventListener("beforeprint", () => document.querySelectorAll("main details").forEach((each) => { each.open = true; }));

  const value = (row, column) => { const text = (row.cells[column]?.textContent || "").trim().replace(/^<\s*/, "");
    const number = parseFloat(text.replace(/[−–]/, "-")); return Number.isNaN(number) || /^\d+[a-f-]/.test(text) ? text : number; };
  const before = (a, b) => typeof a === typeof b ? (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true })) : typeof a === "number" ? -1 : 1;
  document.querySelectorAll("table.sortable").forEach((table) => table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button"); button.type = "button"; button.append(...head.childNodes); head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1, body = table.tBodies[0];
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
      body.append(...[...body.rows].sort((a, b) => down * before(value(a, column), value(b, column))));
    });
  }));
})();
