/* Arrow keys move from the search field through the results. */
(() => {
  "use strict";
  const form = document.getElementById("search-form");
  const field = form.querySelector("[type=search]");
  const results = document.getElementById("results");

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    const hits = [...results.querySelectorAll(".hit, .more-hits a")];
    const current = hits.indexOf(document.activeElement);
    if (current < 0 && document.activeElement !== field) return;
    const next = current + (event.key === "ArrowDown" ? 1 : -1);
    if (next >= hits.length) return;
    event.preventDefault();
    (next < 0 ? field : hits[next]).focus();
  });

  const setBusy = (value) => () => results.setAttribute("aria-busy", value);
  form.addEventListener("htmx:beforeRequest", setBusy("true"));
  form.addEventListener("htmx:afterRequest", setBusy("false"));
})();
