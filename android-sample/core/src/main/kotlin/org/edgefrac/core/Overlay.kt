package org.edgefrac.core

/**
 * `edgefrac.overlay/1`: the evidence map as colour over grey, by a fixed scale, with contours that need no colour.
 *
 * Scale, contours and colours come from `app.json`; Python and TypeScript paint the same pixels bit for bit.
 */
class Overlay(private val display: Display) {
    private val ramp: List<IntArray> = ramp()

    /** [picture] shows the whole image at any size, under its evidence: opaque ARGB, row by row. */
    fun painted(picture: Raster, evidence: EvidenceMap, placement: Placement, bias: Double, temperature: Double): IntArray {
        val shares = evidence.density(bias, temperature).spread(placement, picture.width, picture.height)
        val pixels = IntArray(shares.size) { coloured(picture.pixels[it].toInt() and 0xff, shares[it]) }
        display.contours.forEachIndexed { number, level ->
            contour(pixels, shares, picture.width, level.toFloat(), dashed = number == 0)
        }
        return pixels
    }

    /** A pixel of [grey], 0 to 255, under [share], log-odds per 1 % of the input's area: opaque ARGB. */
    fun coloured(grey: Int, share: Float): Int {
        val strength = (share * (FULL / display.fullScale).toFloat() + 0.5f).coerceIn(0f, FULL.toFloat()).toInt()
        val colour = ramp[strength]
        fun channel(index: Int) = (grey * (2 * FULL - strength) + colour[index] * strength + FULL) / (2 * FULL)
        return OPAQUE or (channel(0) shl 16) or (channel(1) shl 8) or channel(2)
    }

    private fun ramp(): List<IntArray> {
        val stops = display.ramp
        val steps = FULL / (stops.size - 1)
        return List(FULL + 1) { strength ->
            val before = stops[strength / steps]
            val after = stops[minOf(strength / steps + 1, stops.size - 1)]
            val rest = strength % steps
            IntArray(3) { (before[it] * (steps - rest) + after[it] * rest + steps / 2) / steps }
        }
    }

    /** A white line between two black ones along the edge of where [shares] reach [level]; the first contour is dashed. */
    private fun contour(pixels: IntArray, shares: FloatArray, width: Int, level: Float, dashed: Boolean) {
        val inside = BooleanArray(shares.size) { shares[it] >= level }
        if (inside.none { it }) return
        val outside = BooleanArray(inside.size) { !inside[it] }
        for ((reach, colour) in listOf(LINE to BLACK, LINE - 1 to WHITE)) {
            val near = grown(inside, width, reach)
            val far = grown(outside, width, reach)
            for (index in pixels.indices) {
                val drawn = !dashed || (index / width / DASH + index % width / DASH) % 2 == 0
                if (near[index] && far[index] && drawn) pixels[index] = colour
            }
        }
    }

    /** Whether anything of [mask] lies within a square of [reach] pixels to each side. */
    private fun grown(mask: BooleanArray, width: Int, reach: Int): BooleanArray {
        val height = mask.size / width
        val wide = BooleanArray(mask.size)
        for (y in 0 until height) {
            for (x in 0 until width) {
                if (!mask[y * width + x]) continue
                for (near in maxOf(0, x - reach)..minOf(width - 1, x + reach)) wide[y * width + near] = true
            }
        }
        val found = BooleanArray(mask.size)
        for (y in 0 until height) {
            for (near in maxOf(0, y - reach)..minOf(height - 1, y + reach)) {
                for (x in 0 until width) if (wide[near * width + x]) found[y * width + x] = true
            }
        }
        return found
    }

    companion object {
        const val ID = "edgefrac.overlay/1"
        private const val FULL = 255
        private const val DASH = 8
        private const val LINE = 2
        private const val OPAQUE = 0xff shl 24
        private const val BLACK = OPAQUE
        private const val WHITE = OPAQUE or 0xffffff
    }
}
