"use strict";
const lines = [...document.querySelectorAll("ol.lines > li")];
const sounds = [...document.querySelectorAll("audio, video")];
for (const player of document.querySelectorAll("audio[data-voice]")) {
  const source = document.getElementById(player.dataset.voice);
  if (source) { player.src = source.src; player.closest("label").hidden = false; }
}
for (const player of sounds) {
  player.addEventListener("play", () => sounds.forEach((other) => other !== player && other.pause()));
}
const toggle = (player) => {
  if (!player) return;
  if (!player.paused) { player.pause(); return; }
  player.currentTime = 0;
  player.play();
};
const show = (line) => { if (line) { line.focus({ preventScroll: true }); line.scrollIntoView({ block: "nearest" }); } };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const here = lines.indexOf(document.activeElement.closest("ol.lines > li"));
  const kinds = { l: "line", m: "mix", r: "reference" };
  if (event.key === "j") show(lines[Math.min(here + 1, lines.length - 1)]);
  else if (event.key === "k") show(lines[Math.max(here - 1, 0)]);
  else if (kinds[event.key] && here >= 0) toggle(lines[here].querySelector(`audio.${kinds[event.key]}`));
  else if (event.key === "v") { const video = document.querySelector("video"); if (video) (video.paused ? video.play() : video.pause()); }
  else return;
  event.preventDefault();
});
