/* The actions on a message: copy, edit, answer again, delete, show what is fetched when it is opened. */
(() => {
  "use strict";
  const { entries, ask, send, nodes, notify, retire, add, announce, draft } = window.conversation;
  const COPIED_SECONDS = 2;
  const SURE_SECONDS = 6;

  const copied = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      notify(gettext("The browser does not let this page copy."));
      return;
    }
    const label = button.getAttribute("aria-label");
    button.dataset.copied = "yes";
    button.setAttribute("aria-label", gettext("Copied"));
    announce(gettext("Copied."));
    setTimeout(() => {
      delete button.dataset.copied;
      button.setAttribute("aria-label", label);
    }, COPIED_SECONDS * 1000);
  };

  /* Add a copy button to each code block; the sanitizer allows no buttons. */
  const equip = (added) => {
    for (const node of added) {
      for (const block of node.querySelectorAll?.("pre") || []) block.tabIndex = 0; // it scrolls
      for (const block of node.querySelectorAll?.(".code:not([data-equipped])") || []) {
        block.dataset.equipped = "yes";
        const button = document.createElement("button");
        button.type = "button";
        button.className = "button quiet small copy-code";
        button.textContent = gettext("Copy");
        button.setAttribute("aria-label", gettext("Copy the code"));
        button.addEventListener("click", () => copied(button, block.querySelector("code").textContent));
        block.prepend(button);
      }
    }
  };
  entries.addEventListener("entries:added", (event) => equip(event.detail));
  equip([...entries.children]);

  entries.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.copy) {
      const answer = await ask(button.dataset.copy);
      if (answer.ok) copied(button, answer.text);
      else notify(answer.text);
    } else if ("cancelEdit" in button.dataset) {
      const form = button.form;
      edited(form).write("");
      form.reset();
      form.closest("details").open = false;
    }
  });

  /* Keep the draft of an edited message. */
  const edited = (form) => draft("sessionStorage", `edit-${form.dataset.editForm}`);
  entries.addEventListener("input", (event) => {
    const form = event.target.form;
    if (form?.dataset.editForm) edited(form).write(event.target.value);
  });

  /* Replace the present answer by the new one. */
  const replace = async (form, prepare) => {
    const buttons = form.querySelectorAll("button");
    buttons.forEach((button) => (button.disabled = true));
    const answer = await send(form);
    buttons.forEach((button) => (button.disabled = false));
    if (!answer.ok) {
      notify(answer.text);
      return;
    }
    prepare();
    add(answer.text);
    window.conversation.toEnd();
  };

  /* Buttons of the page's form. Showing a branch loads the page anew. */
  document.getElementById("act").addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button.formAction.endsWith("/again/")) return;
    event.preventDefault();
    const body = new FormData(event.target, button);
    button.disabled = true;
    const answer = await ask(button.formAction, { method: "POST", body });
    button.disabled = false;
    if (!answer.ok) return notify(answer.text);
    retire("[data-again], li.note");
    add(answer.text);
    window.conversation.toEnd();
  });

  entries.addEventListener("submit", async (event) => {
    const form = event.target;
    event.preventDefault();
    if ("again" in form.dataset) {
      replace(form, () => retire("[data-again]"));
    } else if (form.dataset.editForm) {
      replace(form, () => {
        const message = document.getElementById(form.dataset.editForm);
        edited(form).write("");
        while (message.nextElementSibling) message.nextElementSibling.remove();
        message.remove();
      });
    } else if (form.dataset.delete) {
      remove(form);
    } else if ("stop" in form.dataset) {
      form.querySelector("button").disabled = true;
      const answer = await send(form);
      if (!answer.ok) notify(answer.text);
    }
  });

  /* The delete button has to be pressed twice. */
  const remove = async (form) => {
    const button = form.querySelector("button");
    if (!button.dataset.sure) {
      const before = button.cloneNode(true);
      button.dataset.sure = "yes";
      button.classList.add("danger");
      button.setAttribute("aria-label", gettext("Delete for good? Press again"));
      button.title = gettext("Delete for good? Press again");
      button.append(` ${gettext("Delete?")}`);
      button.classList.remove("icon-only", "quiet");
      announce(gettext("Press again to delete this message permanently."));
      setTimeout(() => {
        if (button.disabled) return;
        const hadFocus = document.activeElement === button;
        button.replaceWith(before);
        if (hadFocus) before.focus();
      }, SURE_SECONDS * 1000);
      return;
    }
    button.disabled = true;
    const answer = await send(form);
    if (!answer.ok) {
      button.disabled = false;
      notify(answer.text);
      return;
    }
    const gone = document.getElementById(form.dataset.delete);
    if (gone.querySelector("[data-again], .alternatives") || gone === entries.lastElementChild) {
      location.reload(); // a branch may have taken its place, or another message be the last
      return;
    }
    gone.remove();
    announce(gettext("Deleted."));
    document.getElementById("text").focus();
  };

  /* `toggle` does not bubble, so the listener captures it. */
  entries.addEventListener(
    "toggle",
    async (event) => {
      const details = event.target;
      if (!details.open) return;
      if (details.dataset.src && !details.dataset.loaded) {
        const answer = await ask(details.dataset.src);
        if (!answer.ok) return notify(answer.text);
        details.dataset.loaded = "yes";
        details.querySelector("p").replaceWith(...nodes(answer.text));
      }
      if ("edit" in details.dataset) {
        const field = details.querySelector("textarea");
        field.value = edited(field.form).read() || field.value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
        field.focus();
        field.setSelectionRange(field.value.length, field.value.length);
      }
    },
    true,
  );
})();
