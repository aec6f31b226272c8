"use strict";
(() => {
  const one = (id) => document.getElementById(id);
  const viewer = one("viewer");
  const stack = one("stack");
  const swipe = one("swipe");
  const hold = one("hold");
  const pairs = [...document.querySelectorAll("#pairs > .pair")];
  const openers = [...document.querySelectorAll(".open:not(:disabled)")];
  const filters = [...document.querySelectorAll("#filter [data-field]")];
  let current = null;

  const visible = (near) => {
    const list = near ? near.closest("ul") : null;
    return openers.filter((opener) => opener.closest("ul") === list && !opener.closest(".pair").hidden);
  };

  function filter() {
    let shown = 0;
    for (const pair of pairs) {
      const fits = filters.every((control) => (control.type === "checkbox"
        ? !control.checked || control.dataset.field in pair.dataset
        : !control.value || pair.dataset[control.dataset.field] === control.value));
      pair.hidden = !fits;
      shown += fits;
    }
    one("shown").textContent = `${shown} ${shown === 1 ? "pair" : "pairs"} shown`;
  }

  function cut() {
    stack.style.setProperty("--cut", `${swipe.value}%`);
    swipe.setAttribute("aria-valuetext", `${swipe.value} per cent before`);
  }

  function peek(on) {
    stack.classList.toggle("peek", on);
    hold.setAttribute("aria-pressed", String(on));
  }

  function fill(opener) {
    current = opener;
    const article = opener.closest("article");
    one("viewer-h").textContent = opener.closest(".pair").dataset.subtask;
    stack.replaceChildren(...[...opener.querySelectorAll("img")].map((image) => image.cloneNode()));
    const texts = article.querySelectorAll(".text, .detail");
    one("viewer-text").replaceChildren(...[...texts].map((text) => text.cloneNode(true)));
    const around = visible(opener);
    one("previous").disabled = around.indexOf(opener) <= 0;
    one("next").disabled = around.indexOf(opener) >= around.length - 1;
    peek(false);
    swipe.value = 50;
    cut();
  }

  function step(by) {
    const around = visible(current);
    const next = around[around.indexOf(current) + by];
    if (next) {
      fill(next);
      if (document.activeElement.disabled) swipe.focus();
    }
  }

  function walk(event) {
    const around = visible(event.currentTarget);
    const place = around.indexOf(event.currentTarget);
    const goal = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: around.length - 1 }[event.key];
    if (goal !== undefined && around[goal]) {
      event.preventDefault();
      around[goal].focus();
    }
  }

  function drag(event) {
    if (event.buttons) {
      const box = stack.getBoundingClientRect();
      swipe.value = (100 * (event.clientX - box.left)) / box.width;
      cut();
    }
  }

  for (const opener of openers) {
    opener.addEventListener("click", () => {
      fill(opener);
      viewer.showModal();
      swipe.focus();
    });
    opener.addEventListener("keydown", walk);
  }
  if (one("filter")) {
    one("filter").addEventListener("submit", (event) => event.preventDefault());
    for (const control of filters) control.addEventListener("change", filter);
    if (one("marks")) {
      one("marks").addEventListener("change", (event) => {
        document.body.classList.toggle("marked", event.target.checked);
      });
    }
    filter();
  }
  one("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => current && current.focus());
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  one("previous").addEventListener("click", () => step(-1));
  one("next").addEventListener("click", () => step(1));
  swipe.addEventListener("input", cut);
  for (const kind of ["pointerdown", "pointermove"]) one("stack").addEventListener(kind, drag);
  one("stack").addEventListener("dragstart", (event) => event.preventDefault());
  hold.addEventListener("pointerdown", () => peek(true));
  for (const kind of ["pointerup", "pointerleave", "blur"]) hold.addEventListener(kind, () => peek(false));
  hold.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") peek(true);
  });
  hold.addEventListener("keyup", () => peek(false));
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "n") step(1);
    if (event.key === "p") step(-1);
  });
  document.body.classList.add("ready");
})();
