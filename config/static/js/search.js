/* Arrow keys walk from the search field through the results. */
(() => {
  "use strict";
  const form = document.getElementById("search-form");
  const field = form.querySelector("[type=search]");
  const results = document.getElementById("results");

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    const hits = [...results.querySelectorAll(".hit, .more-hits a")];
    const at = hits.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== field) return;
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    if (next >= hits.length) return;
    event.preventDefault();
    (next < 0 ? field : hits[next]).focus();
  });

  const busy = (is) => () => results.setAttribute("aria-busy", is);
  form.addEventListener("htmx:beforeRequest", busy("true"));
  form.addEventListener("htmx:afterRequest", busy("false"));
})();
