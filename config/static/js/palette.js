/* The palette: Ctrl K opens it; the focus stays in its field while arrow keys choose an option. */
(() => {
  "use strict";
  const sheet = document.getElementById("sheet");
  if (!sheet) return;
  const field = () => sheet.querySelector("[role=combobox]");
  const options = () => [...sheet.querySelectorAll("[role=option]")];
  const chosen = () => sheet.querySelector("[aria-selected=true]");

  const choose = (option) => {
    chosen()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) field().setAttribute("aria-activedescendant", option.id);
    else field().removeAttribute("aria-activedescendant");
  };
  const chooseFirst = () => field() && choose(options()[0]);
  sheet.addEventListener("sheet:open", () => {
    field()?.focus();
    chooseFirst();
  });
  sheet.addEventListener("htmx:afterSwap", chooseFirst);

  sheet.addEventListener("keydown", (event) => {
    if (event.target !== field() || event.isComposing) return;
    const all = options();
    const at = all.indexOf(chosen());
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
    if (next !== undefined) choose(all[(next + all.length) % all.length]);
    else if (event.key === "Enter") chosen()?.click();
    else return;
    event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    window.sheets.toggle("palette");
  });
})();
