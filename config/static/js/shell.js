/* Menus, toasts, focus after updates, and errors of htmx requests. */
(() => {
  "use strict";
  const TOAST_SECONDS = 8;

  /* A menu closes on a click or focus outside it, and on Escape. */
  const closeOthers = (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  };
  document.addEventListener("focusin", closeOthers);
  document.addEventListener("click", (event) => {
    closeOthers(event);
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest("[data-toast]").remove();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  /* Escape cancels a form that is edited in place. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.target.closest?.("form")?.querySelector("[data-cancel]")?.click();
  });

  /* Arrow keys move through an open menu. */
  document.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const menu = event.target.closest?.("details.menu[open]");
    if (!menu) return;
    event.preventDefault();
    const items = [...menu.querySelectorAll(".menu-item")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const current = items.indexOf(document.activeElement);
    items[current < 0 ? (step > 0 ? 0 : items.length - 1) : (current + step + items.length) % items.length]?.focus();
  });

  /* A toast stays while it is hovered or focused. */
  const expire = (toast) => {
    const remove = () => {
      if (toast.matches(":hover, :focus-within")) setTimeout(remove, 2000);
      else toast.remove();
    };
    setTimeout(remove, TOAST_SECONDS * 1000);
  };
  const toasts = document.getElementById("toasts");
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node.matches?.("[data-toast]")) expire(node);
    }
  }).observe(toasts, { childList: true });
  /* Screen readers announce what is added to a live region, not its initial content. */
  const initial = [...toasts.children];
  toasts.replaceChildren();
  setTimeout(() => toasts.append(...initial), 100);

  /* A response that is not a fragment of this page (the log-in form) replaces the whole page. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    const url = new URL(event.detail.xhr.responseURL || location.href);
    if (url.pathname.startsWith("/account/log-in")) {
      event.detail.shouldSwap = false;
      location.assign(`/account/log-in/?next=${encodeURIComponent(location.pathname)}`);
    } else if (event.detail.xhr.status === 422) {
      event.detail.shouldSwap = true; // a form with errors
      event.detail.isError = false;
    }
  });

  /* The replacement of a focused element gets the focus: the next rows of a list, or the heading. */
  let parent = null;
  let index = 0;
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = event.detail;
    const focus = document.activeElement; // Escape has already blurred it
    const isReplaced = target.matches(".more, .more-hits, .heading") && (focus === document.body || target.contains(focus));
    parent = isReplaced ? target.parentElement : null;
    index = isReplaced ? [...parent.children].indexOf(target) : 0;
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body) parent?.children[index]?.querySelector("a")?.focus();
    parent = null;
  });

  /* Show an error when an htmx request fails. */
  const showError = (text) => {
    const toast = document.createElement("div");
    toast.className = "toast error";
    toast.dataset.toast = "";
    toast.append(Object.assign(document.createElement("p"), { textContent: text }));
    toasts.append(toast);
  };
  document.addEventListener("htmx:sendError", () => showError("The server does not respond. Try again in a moment."));
  document.addEventListener("htmx:responseError", (event) =>
    showError(event.detail.xhr.status === 404 ? "It no longer exists." : "That did not work. Try again."),
  );
})();
