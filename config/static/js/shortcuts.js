/* Single-key shortcuts: the key clicks the element with data-key="n", or focuses it if it is a field. */
(() => {
  "use strict";
  const FIELDS = "input:not([type=checkbox], [type=radio], [type=color]), textarea, select, [contenteditable]";
  const sheet = document.getElementById("sheet");

  const enabled = () => {
    try {
      return localStorage.getItem("single-keys") !== "off";
    } catch {
      return true;
    }
  };
  const store = (isOn) => {
    try {
      localStorage.setItem("single-keys", isOn ? "on" : "off");
    } catch {
      /* no access to storage: they stay on */
    }
  };
  const showChoice = () => {
    const single = document.getElementById("single-keys");
    if (single) single.checked = enabled();
  };
  showChoice();
  sheet?.addEventListener("sheet:open", showChoice);
  document.addEventListener("change", (event) => event.target.id === "single-keys" && store(event.target.checked));

  const moveBy = (step) => {
    const links = [...document.querySelectorAll(".sidebar .thread-link")];
    const current = links.findIndex((link) => link.getAttribute("aria-current"));
    links[current < 0 ? 0 : current + step]?.click();
  };

  const activate = (element) => {
    const isMenu = element.matches("summary, [data-menu]");
    if (isMenu && !element.checkVisibility()) element.closest("[popover]")?.showPopover();
    if (element.matches("summary")) {
      const menu = element.parentElement;
      menu.open = !menu.open;
      if (menu.open) menu.querySelector(".menu-item")?.focus();
    } else if (element.matches(FIELDS)) {
      element.focus();
    } else {
      element.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.matches?.(FIELDS)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (!enabled()) return;
    if (window.sheets.opening) window.sheets.opening.then(() => press(event.key));
    else if (!press(event.key)) return;
    event.preventDefault();
  });

  /* Do what a key is for; return whether it is for something. */
  const press = (key) => {
    if (key === "?" && sheet) window.sheets.toggle("shortcuts");
    else if (sheet?.open) return false;
    else if (key === "d") dispatchEvent(new Event("shortcut:theme"));
    else if (key === "j" || key === "k") moveBy(key === "j" ? 1 : -1);
    else {
      const scope = document.querySelector("details.menu[open]") || document;
      const element =
        scope.querySelector(`[data-key="${CSS.escape(key)}"]`) ||
        (/^[0-9]$/.test(key) ? null : document.querySelector(`[data-key="${CSS.escape(key)}"]`));
      if (!element) return false;
      activate(element);
    }
    return true;
  };
})();
