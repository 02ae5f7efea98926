//! Which part of the image answers: the one that the person looks at, or another where it would
//! cut the object.

use super::rounds::{AnsweredRound, Answerer};
use super::{Predictor, PromptRound};
use crate::error::Result;
use crate::image::part::{Bounds, Part, Pyramid, Reach, union};

/// Rounds of prompts, answered in one part, and how that was come to. It depends on the rounds
/// alone, so that the same ones always have the same answer.
#[derive(Default)]
pub(super) struct Dialogue {
    /// The part in which the rounds are answered.
    pub part: Option<Part>,
    pub answered: Vec<AnsweredRound>,
    /// Of each round that has come to its end.
    ends: Vec<End>,
}

/// The parts that a round came to.
#[derive(Clone, Copy)]
struct End {
    /// By the candidate of the highest predicted IoU.
    by_best: Part,
    /// By the one that was chosen.
    by_chosen: Part,
}

impl Dialogue {
    /// Whether `first` is its first round, by the prompt.
    pub fn begins(&self, first: &PromptRound) -> bool {
        let answered = self.answered.first();
        answered.is_some_and(|round| round.prompt == first.prompt && round.side == first.side)
    }

    /// Keeps of the answered rounds those with which `rounds` begins. Where only the candidate is
    /// another, the round stays, but none that refined it. Gives the part to which the best
    /// candidate of that round has led.
    fn keep_common(&mut self, rounds: &[PromptRound]) -> Result<Option<Part>> {
        let (mut kept, mut chosen_anew) = (0, None);
        for (answered, wanted) in self.answered.iter_mut().zip(rounds) {
            if answered.prompt != wanted.prompt || answered.side != wanted.side {
                break;
            }
            let selected = answered.choice(wanted.candidate)?;
            let end = self.ends.get(kept).copied();
            // A choice that led nowhere else leads nowhere else by another name.
            let unmoved = end.is_some_and(|end| {
                end.by_best == end.by_chosen && Some(end.by_chosen) == self.part
            });
            let same = answered.candidate == wanted.candidate
                || (answered.selected == selected && unmoved);
            (answered.candidate, answered.selected) = (wanted.candidate, selected);
            kept += 1;
            if !same {
                chosen_anew = end.map(|end| end.by_best);
                self.ends.truncate(kept - 1);
                break;
            }
        }
        self.answered.truncate(kept);
        self.ends.truncate(kept);
        let ended = self.ends.len() == kept;
        let elsewhere = |end: &End| Some(end.by_chosen) != self.part;
        if ended && self.ends.last().is_some_and(elsewhere) {
            self.answered.clear();
        }
        Ok(chosen_anew)
    }
}

impl Predictor {
    /// Answers `rounds`, or gives the part whose embedding that takes.
    pub(super) async fn advance_dialogue(
        &self,
        answerer: Answerer,
        dialogue: &mut Dialogue,
        rounds: &[PromptRound],
    ) -> Result<Option<Part>> {
        let mut chosen_anew = dialogue.keep_common(rounds)?;
        for i in dialogue.ends.len()..rounds.len() {
            let rounds = &rounds[..=i];
            let first = match chosen_anew.take() {
                Some(part) => part,
                None => match self.first_part(answerer, dialogue, rounds).await? {
                    Ok(part) => part,
                    Err(missing) => return Ok(Some(missing)),
                },
            };
            let mut parts = [first; 2];
            for (stage, chosen) in [false, true].into_iter().enumerate() {
                let from = parts[stage.saturating_sub(1)];
                let settled = self.settle(answerer, dialogue, rounds, from, chosen);
                match settled.await? {
                    Ok(part) => parts[stage] = part,
                    Err(missing) => return Ok(Some(missing)),
                }
            }
            let [by_best, by_chosen] = parts;
            dialogue.ends.push(End { by_best, by_chosen });
        }
        // After rounds were taken back.
        match dialogue.ends.last().map(|end| end.by_chosen) {
            Some(part) => self.answer_in(part, answerer, dialogue, rounds).await,
            None => Ok(None),
        }
    }

    /// Goes on from part to part until the mask of the last round is cut by none: of the candidate
    /// that is `chosen`, or else of the one with the highest predicted IoU. Else the part that is
    /// missing.
    async fn settle(
        &self,
        answerer: Answerer,
        dialogue: &mut Dialogue,
        rounds: &[PromptRound],
        from: Part,
        chosen: bool,
    ) -> Result<std::result::Result<Part, Part>> {
        let pyramid = self.pyramid()?;
        let (mut part, mut moved) = (from, false);
        loop {
            let missing = self.answer_in(part, answerer, dialogue, rounds).await?;
            if let Some(missing) = missing {
                return Ok(Err(missing));
            }
            let reach = match dialogue.answered.last() {
                Some(last) => self.reach_of(&part, last, chosen)?,
                None => None,
            };
            let Some(reach) = reach.filter(|reach| reach.cut.contains(&true)) else {
                return Ok(Ok(part));
            };
            let next = pyramid.beyond(&part, &reach, bounds_of(rounds), moved);
            moved = next.side() == part.side();
            part = next;
        }
    }

    /// The part in which the last of `rounds` is asked first.
    async fn first_part(
        &self,
        answerer: Answerer,
        dialogue: &mut Dialogue,
        rounds: &[PromptRound],
    ) -> Result<std::result::Result<Part, Part>> {
        let pyramid = self.pyramid()?;
        let needed = bounds_of(rounds);
        let Some((last, before)) = rounds.split_last() else {
            return Ok(Ok(Part::whole(pyramid.size)));
        };
        let Some(end) = dialogue.ends.last() else {
            return Ok(Ok(pyramid.holding(last.side, needed)));
        };
        let current = end.by_chosen;
        let level = |round: &PromptRound| match round.side {
            0 => usize::MAX,
            side => side,
        };
        let finest = before.iter().map(level).min().unwrap_or(usize::MAX);
        // Only who looks closer than before asks for a finer level.
        if level(last) < finest.min(current.side()) {
            let missing = self.answer_in(current, answerer, dialogue, before).await?;
            if let Some(missing) = missing {
                return Ok(Err(missing));
            }
            let seen = match dialogue.answered.get(before.len() - 1) {
                Some(answered) => self.reach_of(&current, answered, true)?,
                None => None,
            };
            let seen = seen.map_or(needed, |reach| union(reach.bounds, needed));
            return Ok(Ok(pyramid.holding(last.side, seen)));
        }
        Ok(Ok(match pyramid.holds(&current, needed) {
            true => current,
            false => pyramid.holding(current.side(), needed),
        }))
    }

    /// Has all of `rounds` answered in `part`, if it is not the part that is missing.
    async fn answer_in(
        &self,
        part: Part,
        answerer: Answerer,
        dialogue: &mut Dialogue,
        rounds: &[PromptRound],
    ) -> Result<Option<Part>> {
        let Some(embedding) = self.views.get(&part) else {
            return Ok(Some(part));
        };
        if dialogue.part != Some(part) {
            dialogue.answered.clear();
            dialogue.part = Some(part);
        }
        for round in rounds.iter().skip(dialogue.answered.len()) {
            let before = &dialogue.answered;
            let answered = self.round(answerer, embedding, before, round).await?;
            dialogue.answered.push(answered);
        }
        Ok(None)
    }

    /// How far the mask of an answered round reaches.
    fn reach_of(&self, part: &Part, round: &AnsweredRound, chosen: bool) -> Result<Option<Reach>> {
        let candidate = if chosen {
            round.selected
        } else {
            round.choice(None)?
        };
        Ok(self.view(part)?.reach(&round.candidates[candidate].logits))
    }

    fn pyramid(&self) -> Result<Pyramid> {
        let size = self.views.size.ok_or_else(super::not_encoded)?;
        Ok(Pyramid { size })
    }
}

/// What holds the prompts of some rounds.
fn bounds_of(rounds: &[PromptRound]) -> Bounds {
    let bounds = rounds.iter().map(|round| round.prompt.bounds());
    bounds.reduce(union).unwrap_or_default()
}
