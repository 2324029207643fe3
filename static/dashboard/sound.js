// Two short tones, made here: no file is fetched. A browser that nobody has pressed anything in stays silent.
"use strict";

function beep() {
  const audio = new AudioContext();
  const volume = audio.createGain();
  volume.gain.value = 0.08;
  volume.connect(audio.destination);
  for (const [at, tone] of [[0, 660], [0.16, 880]]) {
    const sound = audio.createOscillator();
    sound.frequency.value = tone;
    sound.connect(volume);
    sound.start(audio.currentTime + at);
    sound.stop(audio.currentTime + at + 0.12);
  }
  setTimeout(() => { audio.close(); }, 1000);
}
