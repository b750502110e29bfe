package org.edgefrac.app

import android.content.res.Resources
import org.edgefrac.core.Display
import org.edgefrac.core.Finding
import org.edgefrac.core.Foreign
import org.edgefrac.core.Reading
import org.edgefrac.core.Trial
import org.edgefrac.core.Verdict
import java.text.NumberFormat

/** Shares and probabilities as the phone's language writes them. */
object Percent {
    fun of(share: Double, digits: Int = 0): String =
        NumberFormat.getPercentInstance().apply {
            maximumFractionDigits = digits
            minimumFractionDigits = digits
        }.format(share)
}

/** The values of the legend. */
object Legend {
    fun written(level: Double, display: Display): String =
        NumberFormat.getNumberInstance().format(level) + if (level == display.fullScale) "+" else ""
}

/** What is shown and read out, in the phone's language. */
class Words(private val resources: Resources) {
    fun verdict(reading: Reading): String = when (reading.foreign) {
        null -> resources.getString(R.string.verdict, reading.label, Percent.of(reading.probability, 1))
        else -> resources.getString(R.string.foreign)
    }

    fun detail(reading: Reading, rule: String): String = when (val foreign = reading.foreign) {
        null -> {
            val relation = if (reading.positive) R.string.at_or_above else R.string.below
            resources.getString(relation, Percent.of(reading.threshold, 1), rule)
        }
        Foreign.Coloured -> resources.getString(R.string.foreign_coloured)
        Foreign.Photographed -> resources.getString(R.string.foreign_photographed)
        is Foreign.Unlike -> resources.getString(R.string.foreign_unlike, foreign.distance, foreign.limit)
    }

    /** What the evidence shows for [wanted], the class that it speaks for. */
    fun findings(reading: Reading, wanted: String): String {
        val regions = reading.regions.mapIndexed { number, region ->
            resources.getString(R.string.region, number + 1, Percent.of(region.share), wanted)
        }
        val finding = when (reading.finding) {
            Finding.LOCALISED -> R.string.finding_localised
            Finding.DIFFUSE -> R.string.finding_diffuse
            Finding.NOTHING -> R.string.finding_nothing
        }
        return (listOf(resources.getString(finding, wanted)) + regions).joinToString("\n")
    }

    /** For who does not see the picture. */
    fun picture(reading: Reading, wanted: String): String {
        if (reading.foreign != null) return resources.getString(R.string.picture_plain)
        val (x, y) = reading.peak
        val across = (100 * x / reading.placement.width).toInt()
        val down = (100 * y / reading.placement.height).toInt()
        return resources.getString(R.string.picture_described, findings(reading, wanted), across, down)
    }

    fun legend(display: Display): String = resources.getString(
        R.string.legend_description,
        Legend.written(display.fullScale, display),
        display.contours.joinToString { Legend.written(it, display) },
    )

    fun trial(trial: Trial): String {
        val sentence = when (trial.verdict) {
            Verdict.PASSED -> R.string.trial_passed
            Verdict.REFUSED -> R.string.trial_refused
            Verdict.ABSENT -> R.string.trial_absent
            Verdict.NOT_TRIED -> return resources.getString(R.string.trial_not_tried, trial.accelerator.name)
        }
        return resources.getString(sentence, trial.accelerator.name, trial.words)
    }
}
