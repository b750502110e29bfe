"use strict";
(() => {
  const box = document.querySelector(".slider");
  if (!box) return;
  const positive = JSON.parse(box.dataset.positive), negative = JSON.parse(box.dataset.negative);
  const share = (right, wrong) => (right + wrong > 0 ? right / (right + wrong) : null);
  const percent = (value) => (100 * value).toFixed(1);
  const shown = (found) =>
    found.includes(null) ? "n/a: no radiograph gets that answer"
      : `${percent(found[0])} % (${percent(found[1])} to ${percent(found[2])})`;
  const input = document.getElementById("chosen");
  const say = (id, text) => { document.getElementById(id).textContent = text; };
  const update = () => {
    const p = input.value / 100;
    const ppv = positive.map(([a, b]) => share(p * a, (1 - p) * b));
    // the larger the likelihood ratio of a negative answer, the lower the NPV
    const npv = negative.map(([a, b]) => share((1 - p) * b, p * a));
    say("chosen-shown", (100 * p).toFixed(1) + " %");
    say("ppv", shown(ppv));
    say("npv", shown([npv[0], npv[2], npv[1]]));
    const [se, fpr] = positive[0];
    const found = Math.round(1000 * p * se), alarms = Math.round(1000 * (1 - p) * fpr);
    const missed = Math.round(1000 * p) - found;
    say("of-1000", `${found} fractures found, ${missed} missed, ${alarms} false alarms`);
  };
  input.addEventListener("input", update);
  box.hidden = false;
  update();
})();
