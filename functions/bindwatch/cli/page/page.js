// Filters, sorts and copies; nothing else. Every text from the data goes into the page as text, never as markup.
(() => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const data = at("data");
  const page = Number(data.dataset.page);
  const list = at("list");
  document.documentElement.classList.add("script");

  // Copying

  const said = at("said");
  async function copy(text, button) {
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const field = document.createElement("textarea");
      field.value = text;
      field.className = "hidden";
      document.body.append(field);
      field.select();
      done = document.execCommand("copy");
      field.remove();
      button.focus();
    }
    const before = button.dataset.label || button.textContent;
    button.dataset.label = before;
    button.textContent = done ? "Copied" : "Select and copy by hand";
    said.textContent = done ? "Copied" : "Could not copy";
    setTimeout(() => {
      button.textContent = before;
      said.textContent = "";
    }, 1500);
  }

  function cardText(finding) {
    const lines = [`${finding.severity} ${finding.title}`, "", `on: ${finding.full_name || finding.resource}`];
    if (finding.principal) lines.push(`who: ${finding.principal}`);
    lines.push(`rule: ${finding.rule}`, `id: ${finding.id}`, "", finding.explanation);
    for (const note of [...finding.chain, ...finding.notes]) lines.push(`- ${note}`);
    if (finding.fix) lines.push("", `fix: ${finding.fix}`, ...finding.commands.map((command) => `  ${command}`));
    if (finding.terraform) lines.push(finding.terraform);
    if (finding.risk) lines.push(`risk: ${finding.risk}`);
    for (const command of finding.undo) lines.push(`undo: ${command}`);
    for (const other of finding.also) lines.push(`the same fix settles: ${other}`);
    return lines.join("\n") + "\n";
  }

  // The drawings: one principal at a time

  const principal = at("principal");
  function draw() {
    for (const one of document.querySelectorAll("[data-drawn]")) one.hidden = one.dataset.drawn !== principal.value;
  }
  if (principal) {
    principal.addEventListener("change", draw);
    draw();
  }

  // The findings

  let findings = [];
  let byId = new Map();
  let matching = [];
  let shown = 0;

  const loaded = (async () => {
    const packed = Uint8Array.from(atob(data.textContent.trim()), (char) => char.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    findings = matching = await new Response(stream).json();
    byId = new Map(findings.map((finding) => [finding.id, finding]));
    shown = Math.min(page, findings.length);
  })();

  const isEmpty = (value) => !value || value.length === 0;

  function fill(item, value) {
    for (const node of [item, ...item.querySelectorAll("[data-i], code")]) {
      if (node.tagName === "CODE" || node.dataset.i === "") node.textContent = value;
      else if (node.dataset.i) {
        node.textContent = value[node.dataset.i];
        if (/^https:\/\/console\.cloud\.google\.com\//.test(value.url)) {
          node.href = value.url;
          node.target = "_blank";
          node.rel = "noopener noreferrer";
        }
      }
    }
    return item;
  }

  function cardOf(finding) {
    const card = at("blank").content.firstElementChild.cloneNode(true);
    card.id = `f-${finding.id}`;
    card.dataset.severity = finding.severity;
    for (const node of card.querySelectorAll("[data-if]")) if (isEmpty(finding[node.dataset.if])) node.remove();
    for (const node of card.querySelectorAll("[data-each]")) {
      node.replaceWith(...finding[node.dataset.each].map((value) => fill(node.cloneNode(true), value)));
    }
    for (const node of card.querySelectorAll("[data-f]")) node.textContent = finding[node.dataset.f];
    return card;
  }

  const number = new Intl.NumberFormat("en");
  function tell() {
    const all = findings.length;
    const some = matching.length === all ? "" : ` of ${number.format(all)}`;
    const words = `${number.format(matching.length)}${some} finding${matching.length === 1 && !some ? "" : "s"}`;
    at("count").textContent = shown < matching.length ? `The first ${number.format(shown)} of ${words}` : words;
    at("nothing").hidden = matching.length > 0;
    at("more").hidden = shown >= matching.length;
    at("more").textContent = `Show ${number.format(Math.min(page, matching.length - shown))} more`;
  }

  function showMore() {
    const next = matching.slice(shown, shown + page).map((finding, index) => {
      const card = cardOf(finding);
      const before = matching[shown + index - 1];
      card.classList.toggle("follows", Boolean(finding.group && before && before.group === finding.group));
      return card;
    });
    list.append(...next);
    shown += next.length;
    tell();
    return next;
  }

  function showAgain() {
    list.replaceChildren();
    shown = 0;
    showMore();
  }

  // Filters; they are kept in the address, so that a link shows what its sender saw

  const form = at("filters");
  const choices = ["category", "project", "team", "change", "sort"].filter((id) => at(id));
  const toggles = form ? [...form.querySelectorAll(".toggle")] : [];
  const pressed = () => toggles.filter((one) => one.ariaPressed === "true").map((one) => one.dataset.severity);
  const value = (id) => (at(id) ? at(id).value : "");

  const texts = new Map();
  function textOf(finding) {
    let text = texts.get(finding);
    if (text === undefined) {
      const parts = Object.values(finding).map((part) =>
        Array.isArray(part) ? part.map((one) => (one.words ? one.words : one)).join("\n") : part,
      );
      text = parts.join("\n").toLowerCase();
      texts.set(finding, text);
    }
    return text;
  }

  const order = {
    newest: (a, b) => (a.opened < b.opened ? 1 : a.opened > b.opened ? -1 : 0),
    oldest: (a, b) => (a.opened > b.opened ? 1 : a.opened < b.opened ? -1 : 0),
    project: (a, b) => a.project.localeCompare(b.project),
    rule: (a, b) => a.rule.localeCompare(b.rule),
  };

  function choose() {
    const severities = pressed();
    const words = value("q").toLowerCase().split(/\s+/).filter(Boolean);
    const [category, project, team, change] = ["category", "project", "team", "change"].map(value);
    matching = findings.filter(
      (one) =>
        (severities.length === 0 || severities.includes(one.severity)) &&
        (!category || one.category === category) &&
        (!project || one.project === project) &&
        (!team || one.team === team) &&
        (!change || (change === "any" ? one.change : one.change === change)) &&
        words.every((word) => textOf(one).includes(word)),
    );
    if (order[value("sort")]) matching.sort(order[value("sort")]);
    const said = new URLSearchParams();
    for (const id of ["q", ...choices]) if (value(id)) said.set(id, value(id));
    if (severities.length) said.set("severity", severities.join("."));
    at("clear").hidden = ![...said.keys()].some((key) => key !== "sort");
    history.replaceState(null, "", said.size ? `#${said}` : location.pathname + location.search);
    showAgain();
  }

  function clear() {
    for (const one of toggles) one.ariaPressed = "false";
    for (const id of ["q", ...choices]) at(id).value = "";
    choose();
    at("q").focus();
  }

  async function reveal(id) {
    await loaded;
    if (!byId.has(id)) return;
    if (!at(`f-${id}`)) {
      for (const one of toggles) one.ariaPressed = "false";
      for (const choice of choices) at(choice).value = "";
      at("q").value = id;
      choose();
    }
    const card = at(`f-${id}`);
    card.querySelector("details").open = true;
    card.scrollIntoView({ block: "start" });
    card.querySelector("summary").focus({ preventScroll: true });
  }

  async function readAddress() {
    const hash = location.hash.slice(1);
    if (hash.startsWith("f-")) return reveal(hash.slice(2));
    if (!hash.includes("=")) return undefined;
    await loaded;
    const said = new URLSearchParams(hash);
    for (const id of ["q", ...choices]) at(id).value = said.get(id) || "";
    const severities = (said.get("severity") || "").split(".");
    for (const one of toggles) one.ariaPressed = String(severities.includes(one.dataset.severity));
    choose();
    at("findings").scrollIntoView();
    return undefined;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    const link = event.target.closest('a[href^="#f-"]');
    if (link) {
      event.preventDefault();
      reveal(link.getAttribute("href").slice(3));
    }
    if (!button) return;
    if (button.hasAttribute("data-copy")) copy(button.parentElement.querySelector("code").textContent, button);
    if (button.hasAttribute("data-copy-card")) {
      await loaded;
      copy(cardText(byId.get(button.closest(".card").id.slice(2))), button);
    }
    if (button.dataset.only || button.dataset.category) {
      await loaded;
      clear();
      if (button.dataset.only) at("change").value = button.dataset.only;
      if (button.dataset.category) at("category").value = button.dataset.category;
      choose();
      at("findings").scrollIntoView();
    }
  });

  if (!form) return;
  let waiting;
  at("q").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => loaded.then(choose), 120);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const id of choices) at(id).addEventListener("change", () => loaded.then(choose));
  for (const one of toggles) {
    one.addEventListener("click", () => {
      one.ariaPressed = String(one.ariaPressed !== "true");
      loaded.then(choose);
    });
  }
  for (const id of ["clear", "clear-too"]) at(id).addEventListener("click", () => loaded.then(clear));
  at("more").addEventListener("click", async () => {
    await loaded;
    const first = showMore()[0];
    if (first) first.querySelector("summary").focus();
  });
  window.addEventListener("hashchange", readAddress);

  // On paper everything that is shown is unfolded
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });

  loaded.then(readAddress, () => {
    at("count").textContent += ". This browser is too old to filter them.";
  });
})();
