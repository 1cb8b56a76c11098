/* Show a reply while it streams, until the server reports its end. */
(() => {
  "use strict";
  /* How a reply that is not complete ended, as screen readers announce it. */
  const ENDINGS = {
    failed: gettext("The reply could not be completed."),
    stopped: gettext("The reply was stopped."),
    interrupted: gettext("The reply was interrupted."),
  };
  const { entries, nodes, announce } = window.conversation;
  const SILENCE_SECONDS = 40; // the server pings every 15
  const RETRY_SECONDS = 3;
  /* What words are added to the end of, from the outside in. */
  const BLOCKS = "p, ul, ol, li, blockquote, pre, pre > code, table, tbody, tr, td, th, div, h1, h2, h3, h4, h5, h6, .written";

  /* Make the children of `parent` from the place `from` on equal to `wanted`, and keep those that
     are equal already: what has not changed does not move, blink or lose its selection. */
  const update = (parent, wanted, from = 0) => {
    const isOwn = (node) => !node.classList?.contains("copy-code"); // that one is the page's
    const present = [...parent.childNodes].filter(isOwn).slice(from);
    wanted.forEach((node, place) => {
      const old = present[place];
      if (!old) parent.append(node);
      else if (old.nodeType === Node.TEXT_NODE && node.nodeType === Node.TEXT_NODE) {
        if (old.data !== node.data) old.data = node.data;
      } else if (old.nodeType === Node.ELEMENT_NODE && isAlike(old, node)) update(old, [...node.childNodes]);
      else old.replaceWith(node);
    });
    for (const old of present.slice(wanted.length)) old.remove();
  };
  const isAlike = (old, node) => {
    const shell = old.cloneNode(false);
    delete shell.dataset?.equipped;
    return shell.isEqualNode(node.cloneNode(false));
  };

  /* The thread gets its title after the first exchange. */
  const rename = (title) => {
    const heading = document.querySelector(".thread-head h1"); // absent while the person renames it
    if (!title || !heading || heading.textContent === title) return;
    heading.textContent = title;
    document.title = `${title} · Twinthread`;
    const link = document.querySelector('.sidebar .thread-link[aria-current="page"] .title');
    if (link) link.textContent = title;
  };

  const listen = (reply) => {
    const text = reply.querySelector("[data-text]");
    let complete = 0; // how many of its elements do not change any more
    const waiting = reply.querySelector("[data-waiting]");
    /* The message that is answered again, and what follows it. */
    const replaced = [];
    const first = reply.dataset.replaces && document.getElementById(reply.dataset.replaces);
    for (let node = first; node && node !== reply; node = node.nextElementSibling) replaced.push(node);
    for (const node of replaced) node.hidden = true;
    const name = reply.querySelector(".name").textContent.trim();
    announce(`${name} is writing.`);
    entries.dispatchEvent(new Event("reply:begun"));

    let source, position, timer;
    const open = () => {
      source = new EventSource(`${reply.dataset.stream}?from=${position || 0}`);
      for (const name of ["open", "ping", "message", "thinking", "recall", "end", "title"]) source.addEventListener(name, heard);
      source.addEventListener("message", more);
      source.addEventListener("thinking", () => {
        waiting.lastElementChild.textContent = gettext("Thinking");
      });
      /* The text so far was what the model thought. */
      source.addEventListener("recall", () => {
        position = complete = 0;
        text.replaceChildren();
        waiting.hidden = false;
      });
      source.addEventListener("end", end);
      source.addEventListener("title", (event) => {
        close();
        rename(JSON.parse(event.data));
      });
      source.addEventListener("error", () => {
        if (!reply.isConnected) return close(); // only the thread's title was missing
        reply.classList.add("broken");
        /* The browser reconnects by itself, unless the server refused the request. */
        if (source.readyState === EventSource.CLOSED) again(RETRY_SECONDS);
      });
      heard();
    };
    const close = () => {
      source.close();
      clearTimeout(timer);
    };
    const again = (seconds) => {
      close();
      timer = setTimeout(reopen, seconds * 1000);
    };
    /* The server sends a ping every few seconds. A connection may break without an error. */
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => again(0), SILENCE_SECONDS * 1000);
    };
    /* Find out whether the server is away or the person may not see the reply any more. */
    const reopen = async () => {
      const only = new AbortController();
      const response = await fetch(reply.dataset.stream, { signal: only.signal }).catch(() => null);
      only.abort();
      if (response && (response.redirected || response.status === 404)) location.reload();
      else if (response?.ok) open();
      else again(RETRY_SECONDS);
    };

    const more = (event) => {
      waiting.hidden = true;
      reply.classList.remove("broken");
      position = event.lastEventId;
      const news = JSON.parse(event.data);
      if (typeof news === "string") {
        write(news);
        return;
      }
      const blocks = nodes(news.html);
      const open = nodes(news.open || "");
      update(text, [...blocks, ...open], complete);
      complete += blocks.length;
      if (news.tail) write(news.tail);
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: [reply] }));
    };
    /* Add words to the open block, as they are. */
    const write = (words) => {
      if (text.children.length === complete) {
        if (!words.trim()) return;
        const paragraph = document.createElement("p");
        text.append(paragraph);
      }
      let place = text.lastElementChild;
      while (place.lastElementChild?.matches(BLOCKS)) place = place.lastElementChild;
      if (!place.matches(".written")) {
        const written = document.createElement("span");
        written.className = "written";
        place.append(written);
        place = written;
      }
      place.append(words);
    };
    const end = (event) => {
      const { status, html, title, is_naming: isNaming } = JSON.parse(event.data);
      if (!isNaming) close();
      rename(title);
      const ended = nodes(html);
      const hadFocus = reply.contains(document.activeElement);
      const isAnswered = ended.some((node) => node.dataset.entry);
      for (const node of replaced) {
        if (isAnswered) node.remove();
        else node.hidden = false;
      }
      reply.replaceWith(...ended);
      if (hadFocus) document.getElementById("text").focus();
      entries.dispatchEvent(new CustomEvent("entries:added", { detail: ended }));
      entries.dispatchEvent(new CustomEvent("reply:ended", { detail: status }));
      const words = ended[0]?.querySelector(".message-text, .ending")?.textContent.trim() || "";
      announce(status === "complete" ? `${name}: ${words.slice(0, 600)}` : `${name}: ${ENDINGS[status]}`);
    };
    open();
    addEventListener("pagehide", close, { once: true });
  };

  const begin = (added) => {
    for (const node of added) {
      if (!node.dataset?.stream || node.dataset.listening) continue;
      node.dataset.listening = "yes";
      listen(node);
    }
  };
  entries.addEventListener("entries:added", (event) => begin(event.detail));
  begin([...entries.children]);
})();
